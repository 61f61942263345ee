/* Asks ten times a second: an flock cannot be waited for with an end.
 * Leaves out the queue itself: rig/session/queue.c. */
#include "rig/cli/kit/waiting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rig/session/queue.h"

static const struct timespec ask_again = {.tv_nsec = 100 * 1000 * 1000};

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int ask(struct bench_queue *queue, const char *bench_path, struct bench_lock **ret, struct err *err)
{
	int status = bench_queue_join(queue);
	if (status == -EAGAIN)
		return err_set(err, -EBUSY, "another process takes its place in the queue for the bench %.200s",
			       bench_path);
	if (status)
		return err_set(err, status, "no place in the queue for the bench %.200s: %s", bench_path,
			       strerror(-status));
	status = bench_queue_turn(queue, bench_path, err);
	return status ? status : bench_lock_take(bench_path, ret, err);
}

int bench_wait(const char *bench_path, double seconds, struct bench_lock **ret, struct err *err)
{
	struct bench_queue *queue;
	struct err said = {0};
	double end_s = now_s() + seconds;
	int status = bench_queue_new(bench_path, true, &queue, err);

	if (status)
		return status;
	while ((status = ask(queue, bench_path, ret, err)) == -EBUSY && now_s() < end_s) {
		if (strcmp(said.text, err->text) != 0)
			fprintf(stderr, "waiting: %s\n", err->text);
		said = *err;
		nanosleep(&ask_again, NULL);
	}
	bench_queue_free(queue);
	return status;
}

/* Places are bytes of a file, locked by open file description (F_OFD_SETLK): byte 0 is the door that is held while a place is
 * being taken, byte n the n-th place since the queue was last empty. What stands in the file, a line for each place, is for
 * people; the locks alone count.
 * Leaves out how the bench's lock itself is held: lock.c. */
#include "rig/session/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rig/session/lock_file.h"

#define DOOR       0
#define FIRST      1

#define LINE_BYTES 12 /* a process id and the end of the line */

struct bench_queue {
	int fd;
	off_t place; /* 0: none yet */
};

/* length 0: all from there on. */
static struct flock bytes_from(off_t start, off_t length, short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

struct seen {
	unsigned places;
	off_t first, last;
};

/* Places taken by others in [from, end), added to seen; end 0: all from there on. The kernel names any one of them, not the
 * first: so both sides of it are looked at. A lock that is no place of ours stands for one, and is not looked behind. */
static void see(int fd, off_t from, off_t end, struct seen *seen)
{
	if (end && from >= end)
		return;
	struct flock held = bytes_from(from, end ? end - from : 0, F_WRLCK);
	if (fcntl(fd, F_OFD_GETLK, &held) != 0 || held.l_type == F_UNLCK)
		return;
	off_t place = held.l_start;
	seen->places++;
	if (held.l_len != 1 || place < from)
		return;
	if (!seen->first || place < seen->first)
		seen->first = place;
	if (place > seen->last)
		seen->last = place;
	see(fd, from, place, seen);
	see(fd, place + 1, end, seen);
}

int bench_queue_new(const char *bench_path, bool make, struct bench_queue **ret, struct err *err)
{
	char path[LOCK_PATH_MAX];
	int fd = lock_file_open(bench_path, "queue", make, path, err);
	*ret = NULL;
	if (fd == -ENOENT && !make)
		return 0;
	if (fd < 0)
		return fd;
	struct bench_queue *queue = malloc(sizeof(*queue));
	if (!queue) {
		close(fd);
		return err_set(err, -ENOMEM, "no memory for the bench's queue");
	}
	*queue = (struct bench_queue){.fd = fd};
	*ret = queue;
	return 0;
}

static void write_line(const struct bench_queue *queue)
{
	char line[LINE_BYTES + 1];
	snprintf(line, sizeof(line), "%*ld\n", LINE_BYTES - 1, (long)getpid());
	(void)!pwrite(queue->fd, line, LINE_BYTES, queue->place * LINE_BYTES);
}

/* The process at that place, as it said; 0: unknown. */
static long read_line(const struct bench_queue *queue, off_t place)
{
	char line[LINE_BYTES + 1] = "";
	(void)!pread(queue->fd, line, LINE_BYTES, place * LINE_BYTES);
	return strtol(line, NULL, 10);
}

int bench_queue_join(struct bench_queue *queue)
{
	struct flock door = bytes_from(DOOR, 1, F_WRLCK);
	struct seen seen = {.last = DOOR};

	if (queue->place)
		return 0;
	if (fcntl(queue->fd, F_OFD_SETLK, &door) != 0)
		return errno == EACCES ? -EAGAIN : -errno;
	see(queue->fd, FIRST, 0, &seen);
	struct flock place = bytes_from(seen.last + 1, 1, F_WRLCK);
	int status = fcntl(queue->fd, F_OFD_SETLK, &place) == 0 ? 0 : errno == EACCES ? -EAGAIN : -errno;
	if (!status) {
		queue->place = place.l_start;
		write_line(queue);
	}
	door.l_type = F_UNLCK;
	(void)!fcntl(queue->fd, F_OFD_SETLK, &door);
	return status;
}

int bench_queue_turn(const struct bench_queue *queue, const char *bench_path, struct err *err)
{
	struct seen seen = {.last = DOOR};
	char who[96] = "";

	if (queue)
		see(queue->fd, FIRST, queue->place, &seen);
	if (!seen.places)
		return 0;
	long pid = seen.first ? read_line(queue, seen.first) : 0;
	if (pid > 0)
		snprintf(who, sizeof(who), ", next is process %ld%s", pid,
			 lock_holder_stopped(pid) ? ", which is stopped: let it go on (kill -CONT), or end it" : "");
	return err_set(err, -EBUSY, "%u other%s for the bench %.200s%s", seen.places,
		       seen.places == 1 ? " waits" : "s wait", bench_path, who);
}

int bench_queue_pass(const char *bench_path, struct bench_lock **ret, struct err *err)
{
	struct bench_queue *queue = NULL;
	int status = bench_queue_new(bench_path, false, &queue, err);
	if (!status)
		status = bench_queue_turn(queue, bench_path, err);
	bench_queue_free(queue);
	return status ? status : bench_lock_take(bench_path, ret, err);
}

void bench_queue_free(struct bench_queue *queue)
{
	if (!queue)
		return;
	close(queue->fd);
	free(queue);
}

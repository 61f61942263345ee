/* The run-file writer at a steady 400 kB/s (200 kS/s of 16 bits, 5 ms a block), in real time, beside the least that
 * keeps as much: write() and an fdatasync() a second. writer_bench MODE FOLDER SECONDS, MODE idle (the same loop,
 * nothing kept), bare, penrig, or stall: penrig with a disk whose first sync after a second stands still for one. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "rig/runfile/runfile.h"
#include "tests/bench/pw1.h"

#define FS_HZ         200000.0
#define BLOCK_SAMPLES 1000u
#define BLOCK_NS      5000000u
#define BLOCKS_PER_S  200u
#define SIGNAL_BLOCKS 400u /* recorded before; goes round */

static atomic_uint stall_ms, stalls;

/* Every sync of this process, SQLite's too, passes here. */
static int slow_sync(long number, int fd)
{
	unsigned ms = atomic_exchange(&stall_ms, 0);

	if (ms) {
		struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

		nanosleep(&rest, NULL);
		atomic_fetch_add(&stalls, 1);
	}
	return (int)syscall(number, fd);
}

__attribute__((visibility("default"))) int fsync(int fd);
__attribute__((visibility("default"))) int fdatasync(int fd);

int fsync(int fd)
{
	return slow_sync(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return slow_sync(SYS_fdatasync, fd);
}

struct writing {
	const char *folder;
	struct record *record;
	struct runfile *rf;
	int fd;
	int32_t counts[SIGNAL_BLOCKS][BLOCK_SAMPLES];
};

static const struct channel channel = {.name = "force",
				       .unit = "N",
				       .quantity = QUANTITY_FORCE,
				       .bits = 16,
				       .rate_hz = FS_HZ,
				       .scale = PW1_SCALE,
				       .range_lo = -2.0,
				       .range_hi = 2.0};

static int die(const char *what, const char *why)
{
	fprintf(stderr, "writer_bench: %s: %s\n", what, why);
	exit(1);
}

static void remove_file(const struct writing *w, const char *name)
{
	char path[FILE_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	unlink(path);
}

static void open_run(struct writing *w)
{
	struct err err = {""};
	char path[FILE_PATH_MAX + 16];

	w->record = record_new();
	if (!w->record)
		die("record", strerror(ENOMEM));
	snprintf(w->record->name, sizeof(w->record->name), "writer");
	snprintf(w->record->folder, sizeof(w->record->folder), "%s", w->folder);
	w->record->devices = 1;
	snprintf(w->record->device[0].role, sizeof(w->record->device[0].role), "load_sensor");
	w->record->device[0].channels = 1;
	w->record->device[0].channel[0] = channel;
	snprintf(path, sizeof(path), "%s/writer.penrig", w->folder);
	remove_file(w, "writer.penrig");
	if (runfile_create(w->record, 2.0 * FS_HZ, false, &w->rf, &err) != 0)
		die(path, err.text);
}

static void open_bare(struct writing *w)
{
	char path[FILE_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/writer.raw", w->folder);
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (w->fd < 0)
		die(path, strerror(errno));
}

static void keep_bare(const struct writing *w, uint64_t block)
{
	int16_t x[BLOCK_SAMPLES];
	const int32_t *counts = w->counts[block % SIGNAL_BLOCKS];

	for (unsigned i = 0; i < BLOCK_SAMPLES; i++)
		x[i] = (int16_t)counts[i];
	if (write(w->fd, x, sizeof(x)) != sizeof(x) || (block % BLOCKS_PER_S == BLOCKS_PER_S - 1 && fdatasync(w->fd)))
		die("write", strerror(errno));
}

static void keep(struct writing *w, uint64_t index)
{
	const struct sample_block block = {.channels = 1,
					   .frames = BLOCK_SAMPLES,
					   .first_index = index * BLOCK_SAMPLES,
					   .host_ns = 1000000000u + (index + 1) * BLOCK_NS,
					   .counts = w->counts[index % SIGNAL_BLOCKS]};

	if (w->rf)
		runfile_block(w->rf, 0, &channel, 1, &block);
	else if (w->fd >= 0)
		keep_bare(w, index);
}

static void wait_for(struct timespec *at)
{
	at->tv_nsec += BLOCK_NS;
	if (at->tv_nsec >= 1000000000) {
		at->tv_nsec -= 1000000000;
		at->tv_sec++;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, at, NULL) == EINTR)
		;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void close_run(struct writing *w, uint64_t *ret_lost)
{
	struct err err = {""};

	if (runfile_status(w->rf, ret_lost, &err) != 0 || runfile_finish(w->rf, w->record, NULL, &err) != 0 ||
	    runfile_close(w->rf, &err) != 0)
		die("run file", err.text);
	record_free(w->record);
}

int main(int argc, char **argv)
{
	static struct writing w = {.fd = -1};
	static struct pw1 pw1;
	struct pw1_config config = pw1_default(40.0);
	uint64_t blocks = argc == 4 ? (uint64_t)(strtod(argv[3], NULL) * BLOCKS_PER_S) : 0, lost = 0;
	struct timespec at;

	if (blocks < 2 * BLOCKS_PER_S) {
		fprintf(stderr, "usage: writer_bench idle|bare|penrig|stall FOLDER SECONDS(at least 2)\n");
		return 2;
	}
	bool stall = strcmp(argv[1], "stall") == 0;

	w.folder = argv[2];
	pw1_init(&pw1, &config, NULL, NULL);
	pw1_fill(&pw1, w.counts[0], (size_t)SIGNAL_BLOCKS * BLOCK_SAMPLES);
	if (stall || strcmp(argv[1], "penrig") == 0)
		open_run(&w);
	else if (strcmp(argv[1], "bare") == 0)
		open_bare(&w);
	clock_gettime(CLOCK_MONOTONIC, &at);

	double begin = cpu_s();

	for (uint64_t i = 0; i < blocks; i++) {
		if (stall && i == BLOCKS_PER_S)
			atomic_store(&stall_ms, 1000);
		keep(&w, i);
		wait_for(&at);
	}

	double spent = cpu_s() - begin;

	if (w.rf)
		close_run(&w, &lost);
	remove_file(&w, "writer.penrig");
	remove_file(&w, "writer.raw");
	printf("{\"cpu_share\": %.6f, \"lost\": %" PRIu64 ", \"stalls\": %u}\n", spent / (double)blocks * BLOCKS_PER_S,
	       lost, atomic_load(&stalls));
	return 0;
}

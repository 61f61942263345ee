/* Places are bytes of a file, locked by open file description (F_OFD_SETLK): byte 0 is the door that is held while a place is
 * being taken, byte n the n-th place since the queue was last empty.
 * Leaves out the bench's lock itself: lock.c. */
#include "rig/session/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/session/lock_file.h"

#define DOOR  0
#define FIRST 1

struct bench_queue {
	int fd;
	off_t place; /* 0: none yet */
};

/* length 0: all from there on. */
static struct flock bytes_from(off_t start, off_t length, short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

/* Places taken by others in [from, end); end 0: all from there on. *last: raised to the last of them. The kernel names any
 * one of them, not the first: so both sides of it are looked at. */
static unsigned taken(int fd, off_t from, off_t end, off_t *last)
{
	if (end && from >= end)
		return 0;
	struct flock held = bytes_from(from, end ? end - from : 0, F_WRLCK);
	if (fcntl(fd, F_OFD_GETLK, &held) != 0 || held.l_type == F_UNLCK)
		return 0;
	off_t place = held.l_start;
	if (place > *last)
		*last = place;
	return 1 + taken(fd, from, place, last) + taken(fd, place + 1, end, last);
}

int bench_queue_new(const char *bench_path, struct bench_queue **ret, struct err *err)
{
	char path[LOCK_PATH_MAX];
	struct bench_queue *queue = malloc(sizeof(*queue));
	if (!queue)
		return err_set(err, -ENOMEM, "no memory for the bench's queue");
	*queue = (struct bench_queue){.fd = lock_file_open(bench_path, "queue", path, err)};
	if (queue->fd < 0) {
		int status = queue->fd;
		free(queue);
		return status;
	}
	*ret = queue;
	return 0;
}

int bench_queue_join(struct bench_queue *queue)
{
	struct flock door = bytes_from(DOOR, 1, F_WRLCK);
	off_t last = DOOR;

	if (queue->place)
		return 0;
	if (fcntl(queue->fd, F_OFD_SETLK, &door) != 0)
		return errno == EACCES ? -EAGAIN : -errno;
	(void)taken(queue->fd, FIRST, 0, &last);
	struct flock place = bytes_from(last + 1, 1, F_WRLCK);
	int status = fcntl(queue->fd, F_OFD_SETLK, &place) == 0 ? 0 : -errno;
	if (!status)
		queue->place = place.l_start;
	door.l_type = F_UNLCK;
	(void)!fcntl(queue->fd, F_OFD_SETLK, &door);
	return status;
}

unsigned bench_queue_before(const struct bench_queue *queue)
{
	off_t last = DOOR;
	return taken(queue->fd, FIRST, queue->place, &last);
}

void bench_queue_free(struct bench_queue *queue)
{
	if (!queue)
		return;
	close(queue->fd);
	free(queue);
}

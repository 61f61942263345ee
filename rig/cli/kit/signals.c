/* signalfd around the five signals that end a run. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "rig/cli/kit/signals.h"

static void ours(sigset_t *ret)
{
	static const int number[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

	sigemptyset(ret);
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		sigaddset(ret, number[i]);
}

int signals_block(struct err *err)
{
	sigset_t set;
	int rc;

	ours(&set);
	rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
	return rc ? err_set(err, -rc, "cannot hold back signals: %s", strerror(rc)) : 0;
}

static void ready(void *ctx, int fd, short revents)
{
	struct signals *signals = ctx;
	struct signalfd_siginfo info;

	(void)revents;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signals->fn(signals->ctx, (int)info.ssi_signo);
}

int signals_open(struct signals *signals, struct loop *loop, void (*fn)(void *ctx, int number), void *ctx,
		 struct err *err)
{
	sigset_t set;
	int rc;

	ours(&set);
	*signals = (struct signals){.loop = loop, .fn = fn, .ctx = ctx};
	signals->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals->fd < 0)
		return err_set(err, -errno, "cannot receive signals: %s", strerror(errno));
	rc = loop_fd_add(loop, signals->fd, POLLIN, ready, signals);
	if (rc < 0) {
		close(signals->fd);
		return err_set(err, rc, "cannot receive signals: %s", strerror(-rc));
	}
	return 0;
}

void signals_close(struct signals *signals)
{
	loop_fd_remove(signals->loop, signals->fd);
	close(signals->fd);
}

void signals_suspend(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	raise(SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

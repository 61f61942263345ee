/* penrig-stopper: stops the pen of a run whose penrig is gone or stands still. penrig starts it; by hand it does nothing. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig/base/priority.h"
#include "rig/stopper/warden.h"
#include "rig/stopper/wire.h"

#define USAGE_STATUS 2

/* What ends a terminal, a job or a session is no reason to leave a pen running: it ends when penrig says so, or when it has
 * done what it is for. */
static void ignore_signals(void)
{
	static const int signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN,
				      SIGTTOU, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM};

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
}

static int by_hand(int argc, char **argv)
{
	static const char text[] =
		"penrig-stopper " PENRIG_VERSION ": stops the pen of a run whose penrig is gone or stands still.\n"
		"`penrig run` starts it; by hand it does nothing. See docs/safety.md.\n";
	bool asked = argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "--help") == 0);

	if (write(asked ? STDOUT_FILENO : STDERR_FILENO, text, sizeof(text) - 1) < 0)
		return 1;
	return asked ? 0 : USAGE_STATUS;
}

static bool is_started_by_penrig(void)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(STOPPER_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

static int stand_by(void)
{
	char ignored[96];
	struct loop *loop;

	ignore_signals();
	(void)!chdir("/");
	(void)mlockall(MCL_CURRENT); /* where that is allowed: what stops a pen does not wait for a disk */
	priority_take(ignored, sizeof(ignored));
	(void)fcntl(STOPPER_SOCKET, F_SETFD, FD_CLOEXEC);
	if (loop_new(&loop_clock_monotonic, NULL, &loop, NULL))
		return 1;
	const struct warden_config config = {
		.loop = loop,
		.links = link_table,
		.drivers = driver_table,
		.socket = STOPPER_SOCKET,
		.lock = fcntl(STOPPER_LOCK, F_SETFD, FD_CLOEXEC) == 0 ? STOPPER_LOCK : -1,
	};
	int status = warden_run(&config);
	/* The socket last: when penrig sees it close, lock and port are free. */
	if (config.lock >= 0)
		close(config.lock);
	close(config.socket);
	loop_free(loop);
	return status ? 1 : 0;
}

/* Forked once more: no child of penrig's, so that it is in no tree of a job's processes, and never the head of a session,
 * so that no terminal becomes its own. */
int main(int argc, char **argv)
{
	if (!is_started_by_penrig())
		return by_hand(argc, argv);
	switch (fork()) {
	case -1: return 1;
	case 0: return stand_by();
	default: return 0;
	}
}

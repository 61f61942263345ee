/* Two questions on a terminal, and then one order that is always taken. */
#include "rig/cli/mcp/person.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "rig/base/text_clean.h"

enum stage { STAGE_SERIAL, STAGE_NAME, STAGE_RUNNING, STAGE_OVER };

struct mcp_person {
	struct loop *loop;
	struct mcp_person_host host;
	FILE *terminal;
	int fd, held;
	enum stage stage;
	struct loop_timer limit;
	char dut[MCP_NAME_MAX], line[160];
	size_t len;
};

static void over(struct mcp_person *p, const char *why)
{
	enum stage was = p->stage;

	p->stage = STAGE_OVER;
	loop_timer_cancel(p->loop, &p->limit);
	if (was == STAGE_RUNNING)
		p->host.stop(p->host.ctx, why);
	else if (was != STAGE_OVER)
		p->host.answered(p->host.ctx, false, why);
}

static void refuse(struct mcp_person *p, const char *said, const char *why)
{
	mcp_person_tell(p, said);
	over(p, why);
}

/* The word of whoever is tired of questions is no name. */
static bool is_name(const char *text)
{
	static const char *const no_names[] = {"y", "n", "yes", "no", "ok", "q", "j", NULL};
	unsigned letters = 0;

	for (unsigned i = 0; no_names[i]; i++)
		if (strcasecmp(text, no_names[i]) == 0)
			return false;
	for (const char *c = text; *c; c++)
		letters += (*c & 0x80) || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
	return letters >= 2 && strlen(text) < MCP_NAME_MAX && text_is_clean(text);
}

static void take_serial(struct mcp_person *p)
{
	if (strcmp(p->line, p->dut) != 0) {
		refuse(p, "That is not the pen that was asked for: no run.",
		       "the serial number that was typed at the bench is not that of the pen asked for, or the run was "
		       "refused there");
		return;
	}
	p->stage = STAGE_NAME;
	fputs("Your name, for the record; q: no run: ", p->terminal);
	fflush(p->terminal);
}

static void take_name(struct mcp_person *p)
{
	if (!is_name(p->line)) {
		refuse(p, "No name, no run.", "nobody at the bench gave a name: the run was refused there");
		return;
	}
	p->stage = STAGE_RUNNING;
	loop_timer_cancel(p->loop, &p->limit);
	mcp_person_tell(p, "The run begins. q and Enter stops it.");
	p->host.answered(p->host.ctx, true, p->line);
}

static void take_line(struct mcp_person *p)
{
	char *begin = p->line, *end = p->line + p->len;

	while (end > begin && (end[-1] == ' ' || end[-1] == '\r'))
		end--;
	*end = '\0';
	begin += strspn(begin, " ");
	memmove(p->line, begin, (size_t)(end - begin) + 1);
	p->len = 0;
	if (p->stage == STAGE_SERIAL)
		take_serial(p);
	else if (p->stage == STAGE_NAME)
		take_name(p);
	else if (p->stage == STAGE_RUNNING && (strcasecmp(p->line, "q") == 0 || strcasecmp(p->line, "stop") == 0))
		over(p, "stopped at the bench");
}

/* A byte at a time: what an answer ends may free this. */
static void ready(void *ctx, int fd, short revents)
{
	struct mcp_person *p = ctx;
	char c;
	ssize_t n = read(fd, &c, 1);

	(void)revents;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		loop_fd_remove(p->loop, fd);
		over(p, "the terminal at the bench is gone");
	} else if (c == '\n') {
		take_line(p);
	} else if (p->len + 1 < sizeof(p->line)) {
		p->line[p->len++] = c;
	}
}

static void on_limit(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	refuse(ctx, "\nNobody answered in time: no run.", "nobody at the bench answered in time");
}

void mcp_person_tell(struct mcp_person *p, const char *text)
{
	fprintf(p->terminal, "%s\n", text);
	fflush(p->terminal);
}

static void put(struct mcp_person *p, const char *what, const char *text)
{
	fprintf(p->terminal, "  %-8s ", what);
	print_clean(p->terminal, text);
	fputc('\n', p->terminal);
}

static void ask(struct mcp_person *p, const struct mcp_request_to_run *what, double seconds)
{
	fputs("\a\npenrig: a program asks for a run. The pen would move.\n", p->terminal);
	put(p, "program", what->client);
	put(p, "plan", what->plan);
	put(p, "SHA-256", what->plan_sha256);
	put(p, "bench", what->bench);
	put(p, "SHA-256", what->bench_sha256);
	put(p, "pen", what->dut);
	fprintf(p->terminal,
		"Look whether the pen may run. To allow it within %.0f s, type the serial number that stands on the "
		"pen; anything else: no run: ",
		seconds);
	fflush(p->terminal);
}

/* One question, or one run, at a time on a terminal, whichever program asks: an order to stop must reach the one that runs. The
 * kernel frees the name when this process ends. */
static int hold(struct mcp_person *p, const char *path, struct err *err)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	unsigned device = 0;

	if (ioctl(p->fd, TIOCGDEV, &device) != 0)
		return err_set(err, -ENOTTY, "%.200s is no terminal: nobody can be asked there", path);
	int len = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "penrig/terminal/%u", device);
	p->held = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->held < 0 || bind(p->held, (struct sockaddr *)&at,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) != 0)
		return err_set(err, -EBUSY, "another program asks on %.200s, or has a run there: wait until it is done",
			       path);
	return 0;
}

static int open_terminal(struct mcp_person *p, const char *path, struct err *err)
{
	struct termios how;

	p->fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->fd < 0)
		return err_set(err, -errno, "the bench's terminal %.200s cannot be opened: %s", path, strerror(errno));
	if (tcgetattr(p->fd, &how) != 0)
		return err_set(err, -ENOTTY, "%.200s is no terminal: nobody can be asked there", path);
	p->terminal = fdopen(p->fd, "r+");
	if (!p->terminal)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = hold(p, path, err);
	if (rc < 0)
		return rc;
	tcflush(p->fd, TCIFLUSH); /* what was typed before the question answers nothing */
	return loop_fd_add(p->loop, p->fd, POLLIN, ready, p);
}

int mcp_person_ask(struct loop *loop, const char *path, const struct mcp_request_to_run *what, double seconds,
		   const struct mcp_person_host *host, struct mcp_person **ret, struct err *err)
{
	struct mcp_person *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	*p = (struct mcp_person){.loop = loop, .host = *host, .fd = -1, .held = -1};
	p->limit = (struct loop_timer){.fn = on_limit, .ctx = p};
	snprintf(p->dut, sizeof(p->dut), "%s", what->dut);
	rc = open_terminal(p, path, err);
	if (rc == 0)
		rc = loop_timer_at(loop, &p->limit, loop_now_ns(loop) + (uint64_t)(seconds * 1e9));
	if (rc < 0) {
		mcp_person_free(p);
		return rc;
	}
	ask(p, what, seconds);
	*ret = p;
	return 0;
}

void mcp_person_free(struct mcp_person *p)
{
	if (!p)
		return;
	loop_timer_cancel(p->loop, &p->limit);
	if (p->fd >= 0)
		loop_fd_remove(p->loop, p->fd);
	if (p->terminal && (p->stage == STAGE_SERIAL || p->stage == STAGE_NAME))
		mcp_person_tell(p, "\nThe question is withdrawn: no run.");
	if (p->terminal)
		fclose(p->terminal);
	else if (p->fd >= 0)
		close(p->fd);
	if (p->held >= 0)
		close(p->held);
	free(p);
}

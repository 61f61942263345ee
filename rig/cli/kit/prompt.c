/* One question at a time, answered by a line. The terminal stays in its own line mode. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "rig/cli/kit/prompt.h"

void prompt_cancel(struct prompt *prompt)
{
	if (prompt->waiting)
		loop_fd_remove(prompt->loop, prompt->fd);
	prompt->waiting = false;
	prompt->len = 0;
}

static void answered(struct prompt *prompt, bool go_on)
{
	prompt_cancel(prompt);
	prompt->answer(prompt->ctx, go_on);
}

static void line_done(struct prompt *prompt)
{
	int other;

	prompt->line[prompt->len] = '\0';
	prompt->len = 0;
	if (!*prompt->line || strcasecmp(prompt->line, "y") == 0 || strcasecmp(prompt->line, "yes") == 0)
		answered(prompt, true);
	else if (strcasecmp(prompt->line, "q") == 0 || strcasecmp(prompt->line, "n") == 0)
		answered(prompt, false);
	else if (prompt->other && (other = prompt->other(prompt->ctx, prompt->line)) != 0)
		answered(prompt, other > 0);
}

/* A byte at a time: what stands behind the line belongs to whoever reads next. */
static void ready(void *ctx, int fd, short revents)
{
	struct prompt *prompt = ctx;
	char c;
	ssize_t n = read(fd, &c, 1);

	(void)revents;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		answered(prompt, false);
	else if (c == '\n')
		line_done(prompt);
	else if (prompt->len + 1 < sizeof(prompt->line))
		prompt->line[prompt->len++] = c;
}

int prompt_ask(struct prompt *prompt)
{
	int rc;

	if (prompt->waiting)
		return -EALREADY;
	rc = loop_fd_add(prompt->loop, prompt->fd, POLLIN, ready, prompt);
	prompt->waiting = rc == 0;
	return rc;
}

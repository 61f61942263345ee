/* Lines of a watching program: parsed as they come, each believed only where it fits what is asked. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/cli/kit/answers.h"

int answers_check(const struct answers *answers, struct err *err)
{
	int mode = answers->fd < 0 ? 0 : fcntl(answers->fd, F_GETFL);

	if (mode < 0 || (answers->fd >= 0 && (mode & O_ACCMODE) == O_WRONLY))
		return err_set(
			err, -EBADF,
			"--answer-fd %d: not open for reading; open it in the shell, for example %d<>answers.fifo",
			answers->fd, answers->fd);
	if (answers->fd > STDERR_FILENO)
		(void)fcntl(answers->fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static void set_open(struct answers *answers, uint64_t id)
{
	answers->open = id;
	if (answers->waits)
		answers->waits(id ? answers->fd : -1);
}

static void answered(struct answers *answers, bool go_on)
{
	set_open(answers, 0);
	answers->answer(answers->ctx, go_on);
}

static void said(struct answers *answers, const char *words)
{
	set_open(answers, 0);
	answers->say(answers->ctx, words);
}

/* "answer 12 done": 1 done, 0 given up, 2 "is" and *ret_words, -1 it is no answer. */
static int parse_answer(const char *line, uint64_t *ret_id, const char **ret_words)
{
	char *end;

	if (strncmp(line, "answer ", 7) != 0 || !isdigit((unsigned char)line[7]))
		return -1;
	errno = 0;
	*ret_id = strtoull(line + 7, &end, 10);
	if (errno)
		return -1;
	*ret_words = end + 4;
	if (strncmp(end, " is ", 4) == 0)
		return 2;
	return strcmp(end, " done") == 0 ? 1 : strcmp(end, " give_up") == 0 ? 0 : -1;
}

static void line_done(struct answers *answers)
{
	uint64_t id = 0;
	const char *words;
	int go_on;

	if (strcmp(answers->line, "stop") == 0) {
		if (!answers->stopped)
			answers->stop(answers->ctx);
		answers->stopped = true;
		return;
	}
	go_on = parse_answer(answers->line, &id, &words);
	if (go_on < 0)
		answers->refused(answers->ctx, answers->line, "neither an answer nor \"stop\"");
	else if (!answers->open || id != answers->open)
		answers->refused(answers->ctx, answers->line, "this question is not open");
	else if (go_on > 0 && answers->words != (go_on == 2))
		answers->refused(answers->ctx, answers->line,
				 answers->words ? "this question wants \"answer ID is TEXT\""
						: "this question wants \"answer ID done\"");
	else if (go_on == 2)
		said(answers, words);
	else
		answered(answers, go_on > 0);
}

static void feed(struct answers *answers, char c)
{
	if (c != '\n') {
		if (answers->len + 1 < sizeof(answers->line))
			answers->line[answers->len++] = c;
		else
			answers->too_long = true;
		return;
	}
	answers->line[answers->len] = '\0';
	if (answers->too_long)
		answers->refused(answers->ctx, answers->line, "the line is too long");
	else if (strlen(answers->line) != answers->len)
		answers->refused(answers->ctx, answers->line, "the line holds a null byte");
	else
		line_done(answers);
	answers->len = 0;
	answers->too_long = false;
}

static void ready(void *ctx, int fd, short revents)
{
	struct answers *answers = ctx;
	char bytes[256];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)revents;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	for (ssize_t i = 0; i < n; i++)
		feed(answers, bytes[i]);
	if (n > 0)
		return;
	answers->ended = true;
	loop_fd_remove(answers->loop, fd);
	if (answers->open)
		answered(answers, false);
}

int answers_open(struct answers *answers, struct loop *loop, struct err *err)
{
	int rc;

	answers->loop = loop;
	if (answers->fd < 0)
		return 0;
	rc = loop_fd_add(loop, answers->fd, POLLIN, ready, answers);
	if (rc < 0)
		return err_set(err, rc, "--answer-fd %d: %s", answers->fd, strerror(-rc));
	return 0;
}

void answers_close(struct answers *answers)
{
	if (answers->fd >= 0 && answers->loop && !answers->ended)
		loop_fd_remove(answers->loop, answers->fd);
	answers->loop = NULL;
	answers->open = 0;
}

void answers_cancel(struct answers *answers)
{
	set_open(answers, 0);
}

void answers_ask(struct answers *answers, uint64_t id, bool words)
{
	set_open(answers, id);
	answers->words = words;
	if (answers->ended)
		answered(answers, false);
}

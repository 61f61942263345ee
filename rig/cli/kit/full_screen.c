/* The terminal: its mode, its keys, when it is drawn. What is drawn is rig/station/screen.c's. */
#include "rig/cli/kit/full_screen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "rig/station/page.h"
#include "rig/station/screen.h"

#define BEGIN "\x1b[?1049h\x1b[?25l\x1b[2J" /* the other screen, no cursor */
#define END   "\x1b[0m\x1b[?25h\x1b[?1049l"

struct full_screen {
	struct loop *loop;
	struct station *station;
	struct termios before;
	struct loop_timer draw, second;
	struct json_doc *words;
	struct screen screen;
};

static void draw(void *ctx, uint64_t now_ns)
{
	struct full_screen *f = ctx;
	char *bench = station_bench_text(f->station, f->screen.bench), *all = station_text(f->station), when[16];
	struct json_doc *is = NULL, *about = NULL;
	time_t now = (time_t)(loop_wall_ns(f->loop) / NS_PER_S);
	struct tm tm;

	(void)now_ns;
	strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now, &tm));
	if (bench && all && json_parse("bench", bench, strlen(bench), &is, NULL) == 0 &&
	    json_parse("station", all, strlen(all), &about, NULL) == 0) {
		f->screen.is = json_root(is);
		f->screen.all = json_root(about);
		screen_draw(&f->screen, when, stdout);
		fflush(stdout);
	}
	f->screen.is = f->screen.all = NULL;
	json_doc_free(is);
	json_doc_free(about);
	free(bench);
	free(all);
}

static void on_second(void *ctx, uint64_t now_ns)
{
	struct full_screen *f = ctx;

	loop_timer_at(f->loop, &f->second, now_ns + NS_PER_S);
	draw(f, now_ns);
}

static void on_order(void *ctx, const char *body)
{
	struct full_screen *f = ctx;

	if (station_order(f->station, body, strlen(body)) != 200)
		fputs("\a\a\a\a", stdout);
}

/* Each key meets what the station shows when it is pressed. */
static void on_keys(void *ctx, int fd, short revents)
{
	struct full_screen *f = ctx;
	char keys[256];
	ssize_t n = read(fd, keys, sizeof(keys));

	(void)revents;
	if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR)))
		loop_stop(f->loop); /* the terminal is gone; what runs goes on */
	for (ssize_t i = 0; i < n; i++) {
		char *text = station_bench_text(f->station, f->screen.bench);
		struct json_doc *is = NULL;

		if (text && json_parse("bench", text, strlen(text), &is, NULL) == 0)
			f->screen.is = json_root(is);
		screen_key(&f->screen, keys[i], i + 1 < n);
		f->screen.is = NULL;
		json_doc_free(is);
		free(text);
	}
	explicit_bzero(keys, sizeof(keys));
	loop_timer_at(f->loop, &f->draw, 0);
}

static int set_mode(struct full_screen *f, struct err *err)
{
	struct winsize size;
	struct termios mode;

	if (tcgetattr(STDIN_FILENO, &f->before) != 0 || !isatty(STDOUT_FILENO))
		return err_set(err, -EINVAL, "--terminal: standard input and output are no terminal");
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col &&
	    (size.ws_col < SCREEN_COLUMNS || size.ws_row < SCREEN_ROWS))
		return err_set(err, -EINVAL, "--terminal: this one has %u x %u characters; it takes %d x %d",
			       size.ws_col, size.ws_row, SCREEN_COLUMNS, SCREEN_ROWS);
	mode = f->before;
	mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN); /* Ctrl-C still ends the station */
	mode.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
	mode.c_cc[VMIN] = 1;
	mode.c_cc[VTIME] = 0;
	mode.c_cc[VQUIT] = _POSIX_VDISABLE;
	mode.c_cc[VSUSP] = _POSIX_VDISABLE;
	return tcsetattr(STDIN_FILENO, TCSAFLUSH, &mode) == 0 ? 0
							      : err_set(err, -errno, "--terminal: %s", strerror(errno));
}

static int read_words(struct full_screen *f, int language, struct err *err)
{
	const struct page_file *file;
	char path[32];
	int rc;

	snprintf(path, sizeof(path), "/words.%s.json", station_languages[language]);
	file = page_find(path);
	rc = json_parse(path, (const char *)file->bytes, (size_t)(file->end - file->bytes), &f->words, err);
	if (rc == 0)
		f->screen.words = json_root(f->words);
	return rc;
}

int full_screen_open(const struct station_config *config, struct station *station, struct loop *loop, unsigned bench,
		     struct full_screen **ret, struct err *err)
{
	struct full_screen *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return err_set(err, -ENOMEM, "out of memory");
	*f = (struct full_screen){.loop = loop, .station = station};
	f->draw = (struct loop_timer){.fn = draw, .ctx = f};
	f->second = (struct loop_timer){.fn = on_second, .ctx = f};
	f->screen = (struct screen){.bench = bench, .order = on_order, .ctx = f};
	if ((rc = read_words(f, config->language, err)) < 0 || (rc = set_mode(f, err)) < 0) {
		json_doc_free(f->words);
		free(f);
		return rc;
	}
	fputs(BEGIN, stdout);
	*ret = f;
	rc = loop_fd_add(loop, STDIN_FILENO, POLLIN, on_keys, f);
	return rc < 0 ? rc : loop_timer_at(loop, &f->second, 0);
}

void full_screen_changed(struct full_screen *f, unsigned bench)
{
	if (f && bench == f->screen.bench)
		loop_timer_at(f->loop, &f->draw, 0);
}

void full_screen_close(struct full_screen *f)
{
	if (!f)
		return;
	loop_fd_remove(f->loop, STDIN_FILENO);
	loop_timer_cancel(f->loop, &f->draw);
	loop_timer_cancel(f->loop, &f->second);
	fputs(END, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &f->before);
	json_doc_free(f->words);
	explicit_bzero(f, sizeof(*f));
	free(f);
}

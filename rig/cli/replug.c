/* See replug.h. Whether it is the same device is the session's to say, once it is open. */
#include "rig/cli/replug.h"

#include <stdio.h>
#include <string.h>

#define LOOK_NS (500 * NS_PER_MS)

struct waiting {
	const struct replug_wait *about;
	struct loop_timer timer;
	struct replug_came came;
};

struct sought {
	const char *uri, *scheme;
	bool there;
};

static void each_device(void *ctx, const struct link_identity *id)
{
	struct sought *sought = ctx;

	sought->there = sought->there || link_uri_names(sought->uri, sought->scheme, id);
}

static const struct link_ops *link_of(const struct link_ops *const *links, const char *uri)
{
	for (; *links; links++) {
		size_t len = strlen((*links)->scheme);
		if (strncmp(uri, (*links)->scheme, len) == 0 && uri[len] == ':')
			return *links;
	}
	return NULL;
}

/* What is listed nowhere counts as there: it is tried. */
static bool is_there(const struct replug_wait *about, const char *uri)
{
	const struct link_ops *link = link_of(about->links, uri);
	struct sought sought = {.uri = uri};
	struct err ignored; /* what cannot be listed now may be in half a second */

	if (!link || link->unlisted)
		return link;
	sought.scheme = link->scheme;
	link->list(each_device, &sought, &ignored);
	return sought.there;
}

static bool all_there(const struct replug_wait *about)
{
	const struct bench *bench = about->bench;
	const struct bench_device *pen = bench_device(bench, ROLE_PEN);

	for (unsigned i = 0; i < bench->devices; i++) {
		char uri[LINK_NAME_MAX];
		struct err ignored; /* the run that was interrupted had a link */
		snprintf(uri, sizeof(uri), "%s", bench->device[i].link);
		if (&bench->device[i] == pen && bench_pen_link(bench, about->dut, uri, sizeof(uri), &ignored))
			return false;
		if (!is_there(about, uri))
			return false;
	}
	return !bench->pen.dial.present || is_there(about, bench->pen.dial.link);
}

bool replug_is_tried(const struct link_ops *const *links, const struct bench *bench)
{
	const struct link_ops *dial = bench->pen.dial.present ? link_of(links, bench->pen.dial.link) : NULL;

	for (unsigned i = 0; i < bench->devices; i++) {
		const struct link_ops *link = link_of(links, bench->device[i].link);
		if (link && link->unlisted)
			return true;
	}
	return dial && dial->unlisted;
}

static void look(void *ctx, uint64_t now_ns)
{
	struct waiting *w = ctx;
	const struct replug_wait *about = w->about;

	if (now_ns >= about->from_ns && all_there(about))
		w->came.how = REPLUG_BACK;
	else if (now_ns < about->until_ns && loop_timer_at(about->loop, &w->timer, now_ns + LOOK_NS) == 0)
		return;
	loop_stop(about->loop);
}

static void on_signal(void *ctx, int number)
{
	struct waiting *w = ctx;

	w->came = (struct replug_came){.how = REPLUG_INTERRUPTED, .signal = number};
	loop_stop(w->about->loop);
}

int replug_wait(const struct replug_wait *wait, struct replug_came *ret, struct err *err)
{
	struct waiting w = {.about = wait, .timer = {.fn = look, .ctx = &w}, .came = {.how = REPLUG_LATE}};
	struct signals signals;
	int rc = signals_open(&signals, wait->loop, on_signal, &w, err);

	if (rc < 0)
		return rc;
	rc = loop_timer_at(wait->loop, &w.timer, loop_now_ns(wait->loop));
	if (rc == 0)
		rc = loop_run(wait->loop);
	loop_timer_cancel(wait->loop, &w.timer);
	signals_close(&signals);
	*ret = w.came;
	return rc < 0 ? err_set(err, rc, "cannot wait: %s", strerror(-rc)) : 0;
}

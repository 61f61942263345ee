/* See replug.h. Whether it is the same device is the session's to say, once it is open. */
#include "rig/cli/replug.h"

#include <string.h>

#include "rig/driver/driver.h"

#define LOOK_NS (500 * NS_PER_MS)

struct waiting {
	const struct replug_wait *about;
	struct loop_timer timer;
	enum replug came;
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

/* A program or a file is listed nowhere: it is tried. */
static bool is_listed(const struct replug_wait *about, const struct bench_device *device)
{
	for (unsigned i = 0; about->drivers[i]; i++)
		if (strcmp(about->drivers[i]->name, device->driver) == 0 && about->drivers[i]->wants.source)
			return false;
	return true;
}

static bool is_there(const struct replug_wait *about, const char *uri)
{
	struct sought sought = {.uri = uri};
	struct err ignored; /* what cannot be listed now may be in half a second */

	for (unsigned i = 0; about->links[i] && !sought.there; i++) {
		sought.scheme = about->links[i]->scheme;
		size_t len = strlen(sought.scheme);
		if (strncmp(uri, sought.scheme, len) == 0 && uri[len] == ':')
			about->links[i]->list(each_device, &sought, &ignored);
	}
	return sought.there;
}

static bool all_there(const struct replug_wait *about)
{
	const struct bench_device *pen = bench_device(about->bench, ROLE_PEN);

	for (unsigned i = 0; i < about->bench->devices; i++) {
		const struct bench_device *device = &about->bench->device[i];
		char uri[LINK_NAME_MAX];
		struct err ignored; /* the run that was interrupted had a link */
		snprintf(uri, sizeof(uri), "%s", device->link);
		if (device == pen && bench_pen_link(about->bench, about->dut, uri, sizeof(uri), &ignored))
			return false;
		if (is_listed(about, device) && !is_there(about, uri))
			return false;
	}
	return true;
}

static void look(void *ctx, uint64_t now_ns)
{
	struct waiting *w = ctx;
	const struct replug_wait *about = w->about;

	if (now_ns >= about->from_ns && all_there(about))
		w->came = REPLUG_BACK;
	else if (now_ns < about->until_ns && loop_timer_at(about->loop, &w->timer, now_ns + LOOK_NS) == 0)
		return;
	loop_stop(about->loop);
}

static void on_signal(void *ctx, int number)
{
	struct waiting *w = ctx;

	(void)number;
	w->came = REPLUG_INTERRUPTED;
	loop_stop(w->about->loop);
}

int replug_wait(const struct replug_wait *wait, enum replug *ret, struct err *err)
{
	struct waiting w = {.about = wait, .timer = {.fn = look, .ctx = &w}, .came = REPLUG_LATE};
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

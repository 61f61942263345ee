/* Programs that run for each unit: before its test (flash the firmware), after it (print a label). What they said and how they ended
 * is a line each in NAME.hooks.jsonl beside the run file; those before the test stand in the run's record too. A hook that fails
 * is the rig's trouble: the unit is NOT TESTED, or its verdict stays and the page says that the hook failed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/station/inside.h"

static void next(struct bench *b);

static const struct station_hook *hook_of(const struct bench *b)
{
	const struct station_config *c = b->station->config;

	if (b->after)
		return b->hook < c->afters ? &c->after[b->hook] : NULL;
	return b->hook < c->befores ? &c->before[b->hook] : NULL;
}

static int keep(const struct bench *b, const struct station_hook *hook, const struct helper_end *end)
{
	struct json_out *out = json_out_object();
	char path[FILE_PATH_MAX + 160], *text = NULL;
	int fd, rc;

	json_out_string(out, "hook", hook->name);
	json_out_string(out, "when", b->after ? "after" : "before");
	json_out_int(out, "exit_code", end->exit_code);
	json_out_bool(out, "timed_out", end->timed_out);
	json_out_number(out, "seconds", end->seconds, 4);
	json_out_string(out, "output", end->output);
	rc = json_out_print(out, false, &text, NULL);
	json_out_free(out);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/%s.hooks.jsonl", b->station->config->output, b->now.name);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0 || dprintf(fd, "%s\n", text) < 0 || fdatasync(fd) != 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
}

static void fail(struct bench *b, const struct station_hook *hook, const char *why)
{
	if (b->after) { /* the next one is none of its business */
		state_refuse(&b->state, "hook_failed", hook->name);
		b->hook++;
		next(b);
		return;
	}
	state_failed(&b->state, "hook");
	snprintf(b->state.end.reason, sizeof(b->state.end.reason), "%s: %.240s", hook->name, why);
	b->state.hook[0] = '\0';
	remember(b);
}

static void clean(void *ctx, uint64_t now_ns)
{
	struct bench *b = ctx;

	(void)now_ns;
	helper_free(b->helper_ended);
	b->helper_ended = NULL;
	child_free(b->ended);
	b->ended = NULL;
}

static void begin(struct bench *b, bool after, const struct hooked *what)
{
	b->after = after;
	b->hook = 0;
	b->now = *what;
	next(b);
}

/* One that runs nothing ends at once, and the next begins. */
static void begin_those_that_wait(struct bench *b)
{
	while (!b->helper && b->waits && !state_busy(&b->state)) {
		const struct hooked first = b->waiting[0];

		b->waits--;
		memmove(b->waiting, b->waiting + 1, b->waits * sizeof(b->waiting[0]));
		begin(b, true, &first);
	}
}

static void on_ended(void *ctx, const struct helper_end *end)
{
	struct bench *b = ctx;
	const struct station_hook *hook = hook_of(b);

	helper_free(b->helper_ended);
	b->helper_ended = b->helper;
	b->helper = NULL;
	b->clean.fn = clean;
	loop_timer_at(b->station->loop, &b->clean, 0);
	if (keep(b, hook, end) < 0)
		fail(b, hook, "what it said cannot be kept");
	else if (!b->after && b->state.stopping) {
		state_failed(&b->state, "stopped");
		remember(b);
	} else if (end->exit_code != 0) {
		fail(b, hook, end->timed_out ? "it took too long" : end->output);
	} else {
		if (!b->after)
			snprintf(b->hook_said[b->hook], sizeof(b->hook_said[0]), "hook_%s=exit 0", hook->name);
		b->hook++;
		next(b);
	}
	begin_those_that_wait(b);
	tell_bench(b);
}

static bool compose(const struct bench *b, const struct station_hook *hook, struct helper_command *command)
{
	const struct helper_value values[] = {
		{"dut", b->now.unit.serial},
		{"lot", b->now.unit.lot},
		{"gtin", b->now.unit.gtin},
		{"cartridge", b->now.unit.cartridge},
		{"name", b->now.name},
		{"verdict", verdict_word_name(b->now.word)},
		{NULL, NULL},
	};
	bool ok = true;

	for (unsigned i = 0; ok && i < hook->words; i++)
		ok = helper_word(command, hook->word[i], values);
	return ok;
}

/* The next one, or what follows the last. */
static void next(struct bench *b)
{
	const struct station_hook *hook = hook_of(b);
	const struct helper_host host = {.ctx = b, .ended = on_ended};
	struct helper_command command = {.count = 0};
	struct err err = {""};

	while (hook && b->after && (hook->on == 0 ? b->now.word != WORD_PASS : b->now.released)) {
		b->hook++;
		hook = hook_of(b);
	}
	if (!b->after)
		snprintf(b->state.hook, sizeof(b->state.hook), "%s", hook ? hook->name : "");
	if (!hook) {
		if (!b->after)
			start_run(b);
		return;
	}
	if (!compose(b, hook, &command))
		fail(b, hook, "its command is too long, or names what is not there");
	else if (helper_start(b->station->loop, &command, hook->limit_s, &host, &b->helper, &err) < 0)
		fail(b, hook, err.text);
}

static struct hooked shown(const struct bench *b)
{
	struct hooked what = {.unit = b->state.unit, .word = b->state.word};

	snprintf(what.name, sizeof(what.name), "%s", b->state.name);
	return what;
}

/* Now, or behind those that run. */
static void queue(struct bench *b, const struct hooked *what)
{
	if (!b->station->config->afters)
		return;
	if (!b->helper && !b->waits)
		begin(b, true, what);
	else if (b->waits < HOOKS_WAITING)
		b->waiting[b->waits++] = *what;
	else
		state_refuse(&b->state, "hook_failed", b->station->config->after[0].name);
	begin_those_that_wait(b);
}

void hooks_before(struct bench *b)
{
	const struct hooked what = shown(b);

	memset(b->hook_said, 0, sizeof(b->hook_said));
	begin(b, false, &what);
}

void hooks_after(struct bench *b)
{
	const struct hooked what = shown(b);

	queue(b, &what);
}

void hooks_released(struct bench *b, const char *serial, const char *name)
{
	struct hooked what = {.word = WORD_PASS, .released = true};
	char label[STATION_TEXT];
	unsigned number;

	if (!child_identify(b->station->config, name, &number, label, &what.unit))
		snprintf(what.unit.serial, sizeof(what.unit.serial), "%s", serial);
	snprintf(what.name, sizeof(what.name), "%s", name);
	queue(b, &what);
}

bool hooks_stop(struct bench *b)
{
	if (!b->helper || b->after)
		return false;
	helper_kill(b->helper);
	return true;
}

void hooks_close(struct bench *b)
{
	helper_free(b->helper);
	helper_free(b->helper_ended);
}

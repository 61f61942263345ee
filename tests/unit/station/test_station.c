/* The whole station in this process, on a clock that the test turns: who is signed in, and for how long. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig/station/inside.h"

static char folder[] = "/tmp/penrig-station-XXXXXX";
static uint64_t now_ns = NS_PER_S;

static uint64_t read_clock(void *ctx)
{
	(void)ctx;
	return now_ns;
}

static int wait_for_nothing(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	(void)ctx, (void)deadline_ns;
	return poll(fds, nfds, 0);
}

static const struct loop_clock stopped_clock = {.now_ns = read_clock, .wall_ns = read_clock, .wait = wait_for_nothing};

struct held {
	struct station_config *config;
	struct loop *loop;
	struct station *station;
};

static int set_up(void **state)
{
	static struct held h;
	char path[64];
	struct err err = {""};

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/station.json", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("{\"kind\": \"penrig/station/1\", \"name\": \"Line\", \"listen\": \"127.0.0.1:0\", \"state\": \"state\","
	      "\"output_dir\": \"runs\", \"sign_out_min\": 2, \"command\": [\"/nowhere\"],"
	      "\"benches\": [{\"file\": \"bench.json\", \"label\": \"Bench 1\"}, {\"file\": \"other.json\", \"label\": "
	      "\"Bench 2\"}],"
	      "\"products\": [{\"name\": \"Pen\", \"serial\": \"PEN-[0-9]+\", \"plan\": \"plan.json\"}],"
	      "\"operators\": [{\"name\": \"A. Meier\", \"badge\": \"OP-0007\"}]}",
	      file);
	assert_int_equal(fclose(file), 0);
	if (station_config_read(path, &h.config, &err) < 0 || loop_new(&stopped_clock, NULL, &h.loop, &err) < 0 ||
	    station_open(h.config, NULL, h.loop, &h.station, &err) < 0)
		fail_msg("%s", err.text);
	*state = &h;
	return 0;
}

static int tear_down(void **state)
{
	struct held *h = *state;
	char command[64];

	station_close(h->station);
	loop_free(h->loop);
	station_config_free(h->config);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void order(const struct held *h, const char *text)
{
	assert_int_equal(station_order(h->station, text, strlen(text)), 200);
}

static void after_s(const struct held *h, unsigned seconds)
{
	now_ns += seconds * NS_PER_S;
	assert_true(loop_turn(h->loop, now_ns) >= 0);
}

static void assert_shows(const struct held *h, const char *part)
{
	char *text = station_bench_text(h->station, 0);

	assert_non_null(text);
	if (!strstr(text, part))
		fail_msg("%s has no %s", text, part);
	free(text);
}

static void who_gives_no_order_is_signed_out(void **state)
{
	const struct held *h = *state;

	order(h, "{\"do\":\"scan\",\"bench\":0,\"code\":\"OP-0007\"}");
	assert_shows(h, "\"operator\":\"A. Meier\"");
	after_s(h, 119);
	assert_shows(h, "\"operator\":\"A. Meier\"");
	order(h, "{\"do\":\"scan\",\"bench\":0,\"code\":\"PEN-1\"}");
	after_s(h, 119);
	assert_shows(h, "\"operator\":\"A. Meier\"");
	assert_shows(h, "\"view\":\"armed\"");
	after_s(h, 2);
	assert_shows(h, "\"operator\":\"\"");
	assert_shows(h, "\"view\":\"ready\""); /* nor is a unit left that somebody else would start */
	order(h, "{\"do\":\"start\",\"bench\":0}");
	assert_shows(h, "\"refused\":\"nothing_to_start\"");
	order(h, "{\"do\":\"scan\",\"bench\":0,\"code\":\"PEN-1\"}");
	assert_shows(h, "\"refused\":\"sign_in\"");
}

/* How often pages of this bench were told this since event `from`. */
static unsigned told(const struct held *h, uint64_t from, unsigned bench, const char *part)
{
	unsigned ret = 0;
	char head[32];
	size_t len;

	snprintf(head, sizeof(head), "{\"bench\":%u,", bench);
	for (uint64_t n = from; n < feed_next(h->station->feed); n++) {
		const char *text = feed_text(h->station->feed, n, &len);

		ret += text && memmem(text, len, head, strlen(head)) && memmem(text, len, part, strlen(part));
	}
	return ret;
}

/* What the server said against a unit, and no disk takes: it is said at once, on every page, and tried again until it stands there. */
static void what_is_not_kept_is_said(void **state)
{
	const struct held *h = *state;
	struct against *against = &h->station->against;
	const uint64_t from = feed_next(h->station->feed);
	char path[64], line[200] = "";

	against->fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	assert_true(against->fd >= 0);
	elsewhere_keep(h->station, "PEN-4", STANDING_REJECTED);
	for (unsigned bench = 0; bench < 2; bench++)
		assert_int_equal(told(h, from, bench, "unkept"), 1);
	elsewhere_keep(h->station, "PEN-5", STANDING_FAILED);
	after_s(h, 20);
	assert_int_equal(told(h, from, 1, "unkept"), 1); /* once */
	assert_shows(h, "\"health\":{\"word\":\"unkept\"}");
	close(against->fd);
	snprintf(path, sizeof(path), "%s/state/server.jsonl", folder);
	against->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	assert_true(against->fd >= 0);
	after_s(h, 20);
	for (unsigned bench = 0; bench < 2; bench++)
		assert_int_equal(told(h, from, bench, "\"health\":{\"word\":\"\"}"), 1);
	assert_true(pread(against->fd, line, sizeof(line) - 1, 0) > 0);
	assert_non_null(strstr(line, "\"PEN-4\",\"standing\":\"rejected\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(who_gives_no_order_is_signed_out),
					   cmocka_unit_test(what_is_not_kept_is_said)};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

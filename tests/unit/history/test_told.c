/* What is told of a run and taken in elsewhere is the same run; which runs a server lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/history/inside.h"
#include "rig/history/outbox.h"

#define HEAD "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define RUN                                                                                                            \
	"{\"more\":{\"setup\":\"s\",\"golden\":\"\",\"cartridge\":\"c\",\"build\":\"b\",\"method\":7,\"origin\":\"\"," \
	"\"recording\":\"\",\"sessions\":2,\"attributes\":[{\"key\":\"day\",\"value\":\"1\"}]},"                       \
	"\"decided\":{\"judged\":1,\"later\":\"fail\",\"later_reason\":\"too deep\",\"dispositions\":[{\"utc\":\"u\"," \
	"\"by\":\"R\",\"decision\":\"retest\",\"reason\":\"x\"},{\"utc\":\"u\",\"by\":\"R\",\"decision\":\"reject\","  \
	"\"reason\":\"y\"}]},"                                                                                         \
	"\"run\":\"id\",\"head\":\"" HEAD "\",\"name\":\"a\",\"host\":\"h\",\"started\":\"2026-01-02T00:00:00Z\","     \
	"\"ended\":\"2026-01-02T00:01:00Z\",\"dut\":\"P\",\"lot\":\"L\",\"plan\":\"p\",\"plan_sha256\":\"q\","         \
	"\"bench\":\"bench-1\",\"bench_sha256\":\"r\",\"operator\":\"o\",\"verdict\":\"pass\",\"status\":"             \
	"\"complete\","                                                                                                \
	"\"exit_code\":0,\"reason\":\"near\",\"software\":\"0\","                                                      \
	"\"results\":[{\"measurand\":\"depth_error_mm\",\"method\":\"m\",\"unit\":\"mm\",\"place\":0,\"sweep\":false," \
	"\"step\":1,\"phantom\":\"F\",\"depth_mm\":0.5,\"rate_hz\":120,\"attempt\":1,\"value\":0.1,"                   \
	"\"u\":0.01,\"expanded_u\":0.02,\"n\":100,\"outcome\":\"pass\",\"lower\":-0.15,\"upper\":null},"               \
	"{\"measurand\":\"depth_error_mm\",\"method\":\"\",\"unit\":\"mm\",\"place\":4,\"sweep\":true,\"step\":2,"     \
	"\"phantom\":\"\",\"depth_mm\":null,\"rate_hz\":60,\"attempt\":3,\"value\":null,\"u\":null,"                   \
	"\"expanded_u\":null,\"n\":0,\"outcome\":\"inconclusive\",\"lower\":null,\"upper\":0.15}],"                    \
	"\"devices\":[{\"number\":0,\"role\":\"load\",\"driver\":\"d\",\"model\":\"m\",\"serial\":\"S\","              \
	"\"firmware\":\"f\",\"certificate\":\"C\",\"due\":\"2027-01-01\"}]}"

static struct history *history;

static int set_up(void **state)
{
	(void)state;
	return history_none(&history, NULL) || outbox_open(history, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	history_close(history);
	return 0;
}

static int take(const char *text, struct err *err)
{
	struct json_doc *doc;

	assert_int_equal(json_parse("run", text, strlen(text), &doc, err), 0);
	int rc = told_take(history, json_root(doc), err);
	json_doc_free(doc);
	return rc;
}

static void the_same_run(void **state)
{
	struct json_out *out = NULL;
	struct told told;
	char *text = NULL;

	(void)state;
	assert_int_equal(take(RUN, NULL), 0);
	assert_int_equal(told_run(history, 1, "id", &out, &told, NULL), 1);
	assert_int_equal(json_out_print(out, false, &text, NULL), 0);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, RUN);
	assert_int_equal(told.judged, 1);
	assert_int_equal(told.disposed, 2);
	assert_string_equal(told.path, "");
	free(text);
	json_out_free(out);
	assert_int_equal(told_run(history, 2, "id", &out, &told, NULL), 0);
}

static void what_is_no_run(void **state)
{
	struct err err = {""};

	(void)state;
	assert_int_equal(take("[]", &err), -EBADMSG);
	assert_int_equal(take("{\"run\": \"x\"}", &err), -EBADMSG);
	assert_int_equal(take("{\"name\": \"old\", \"results\": [], \"more\": null, \"decided\": null}", &err), 0);
}

struct seen {
	unsigned count;
	struct outbox_item item[8];
	const char *bench;
};

static bool wanted(void *ctx, const char *bench, const char *path)
{
	const struct seen *seen = ctx;

	(void)path;
	return strcmp(bench, seen->bench) == 0;
}

static int see(void *ctx, const struct outbox_item *item)
{
	struct seen *seen = ctx;

	seen->item[seen->count++] = *item;
	return 0;
}

static unsigned push(bool decided_only, const char *bench, struct seen *ret)
{
	unsigned put;

	*ret = (struct seen){.bench = bench};
	assert_int_equal(outbox_push(history, decided_only, wanted, ret, &put, NULL), 0);
	assert_int_equal(outbox_each(history, true, see, ret, NULL), 0);
	return put;
}

/* SHA-256 of "penrig run" and HEAD with a zero byte behind each, by sha256sum; version and variant put in. */
#define RUN_ID "41cad6fe-4644-8b25-a06e-3bb73cb170e6"

static void what_the_server_lacks(void **state)
{
	struct seen seen;
	struct json_out *out = NULL;
	struct told told;

	(void)state;
	assert_int_equal(take(RUN, NULL), 0);
	assert_int_equal(push(false, "bench-2", &seen), 0);
	assert_int_equal(push(true, "bench-1", &seen), 0); /* it was never handed over */
	assert_int_equal(push(false, "bench-1", &seen), 1);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.item[0].run_id, RUN_ID);
	assert_true(seen.item[0].job == 0 && seen.item[0].exit_code == 0);
	assert_int_equal(push(false, "bench-1", &seen), 0); /* it stands there */
	assert_int_equal(outbox_run(history, &seen.item[0], &out, &told, NULL), 1);
	json_out_free(out);
	const struct outbox_item of_job = {.job = 1, .name = "a", .head = HEAD};
	assert_int_equal(outbox_run(history, &of_job, &out, &told, NULL), 0); /* a job's run is known by its id alone */
	assert_int_equal(outbox_handed(history, &seen.item[0], &told, NULL), 0);
	assert_int_equal(push(false, "bench-1", &seen), 0);
	assert_int_equal(seen.count, 0);
	assert_int_equal(db_exec(history->db, "DELETE FROM disposition WHERE number = 1", NULL), 0);
	assert_int_equal(push(true, "bench-1", &seen), 0); /* less is known, not more */
	assert_int_equal(db_exec(history->db,
				 "INSERT INTO disposition(run, number, utc, by, decision, reason) VALUES"
				 "(1, 1, '', '', 'reject', ''), (1, 2, '', '', 'reject', '')",
				 NULL),
			 0);
	assert_int_equal(push(true, "bench-1", &seen), 1);
}

static void not_of_a_bench(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(take(RUN, NULL), 0);
	assert_int_equal(db_exec(history->db, "UPDATE run SET recording = 'x'", NULL), 0);
	assert_int_equal(push(false, "bench-1", &seen), 0);
	assert_int_equal(
		db_exec(history->db,
			"UPDATE run SET recording = '', head = '', sessions = 0; INSERT INTO attribute VALUES(1, "
			"'fleet.run', 'its-own')",
			NULL),
		0);
	assert_int_equal(push(false, "bench-1", &seen), 1);
	assert_string_equal(seen.item[0].run_id, "its-own");
}

/* The id is that of the run that began with it: neither of one that went on with it, nor of one that took it over. */
static void whose_id(void **state)
{
	static const char others[] =
		"UPDATE run SET sessions = 0; INSERT INTO attribute VALUES(1, 'fleet.run', 'its-own'); "
		"UPDATE run SET started = '2026-01-03', name = 'b', head = '11', sessions = 1 WHERE id = 2; "
		"UPDATE run SET started = '2026-01-04', name = 'c', head = '22', sessions = 0 WHERE id = 3; "
		"INSERT INTO attribute VALUES(2, 'fleet.run', 'its-own'), (3, 'fleet.run', 'its-own')";
	const struct outbox_item of_job = {.job = 1, .run_id = "its-own", .name = "a"},
				 another = {.job = 1, .run_id = "its-own", .name = "d"};
	struct seen seen;
	struct json_out *out = NULL;
	struct told told;
	char *text = NULL;

	(void)state;
	assert_int_equal(take(RUN, NULL), 0);
	assert_int_equal(
		db_exec(history->db,
			"INSERT INTO run SELECT 2, 'b', host, started, ended, path, dut, lot, plan, plan_sha256, "
			"bench, bench_sha256, setup, golden, operator, cartridge, verdict, status, sessions, "
			"exit_code, reason, software, build, method, origin, recording, severity, head, judged, "
			"later, later_reason FROM run WHERE id = 1; INSERT INTO run SELECT 3, 'c', host, started, "
			"ended, path, dut, lot, plan, plan_sha256, bench, bench_sha256, setup, golden, operator, "
			"cartridge, verdict, status, sessions, exit_code, reason, software, build, method, "
			"origin, recording, severity, head, judged, later, later_reason FROM run WHERE id = 1",
			NULL),
		0);
	assert_int_equal(db_exec(history->db, others, NULL), 0);
	assert_int_equal(push(false, "bench-1", &seen), 3);
	assert_string_equal(seen.item[0].run_id, "its-own");
	assert_string_not_equal(seen.item[1].run_id, "its-own");
	assert_string_not_equal(seen.item[2].run_id, "its-own");
	assert_int_equal(outbox_run(history, &of_job, &out, &told, NULL), 1);
	assert_int_equal(json_out_print(out, false, &text, NULL), 0);
	assert_non_null(strstr(text, "\"name\":\"a\""));
	free(text);
	json_out_free(out);
	assert_int_equal(outbox_run(history, &another, &out, &told, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_the_server_lacks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_of_a_bench, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whose_id, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

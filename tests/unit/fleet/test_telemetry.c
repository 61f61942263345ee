/* Where a broker is, in words; topics; and what is lost while there is no broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/fleet/telemetry.h"

static void addresses(void **state)
{
	static const struct {
		const char *text;
		int rc;
		struct address is;
	} rows[] = {
		{"mqtt://h", 0, {"mqtt", "", "h", 0, ""}},
		{"mqtts://u@broker.example:8884/lab/pens/", 0, {"mqtts", "u", "broker.example", 8884, "lab/pens"}},
		{"mqtt://[::1]:1883", 0, {"mqtt", "", "::1", 1883, ""}},
		{"mqtt://[fe80::1]/p", 0, {"mqtt", "", "fe80::1", 0, "p"}},
		{"https://h//b//k", 0, {"https", "", "h", 0, "b//k"}},
		{"mqtt://h/a@b:c", 0, {"mqtt", "", "h", 0, "a@b:c"}},
		{"mqtt://u:secret@h", -EINVAL, {.port = 0}},
		{"mqtt://u:s:x@h", -EINVAL, {.port = 0}},
		{"h:1883", -EINVAL, {.port = 0}},
		{"mqtt://", -EINVAL, {.port = 0}},
		{"mqtt://@h", -EINVAL, {.port = 0}},
		{"mqtt://u@", -EINVAL, {.port = 0}},
		{"mqtt://h:", -EINVAL, {.port = 0}},
		{"mqtt://h:0", -EINVAL, {.port = 0}},
		{"mqtt://h:65536", -EINVAL, {.port = 0}},
		{"mqtt://h:1x", -EINVAL, {.port = 0}},
		{"mqtt://h:-1", -EINVAL, {.port = 0}},
		{"mqtt://:1883", -EINVAL, {.port = 0}},
		{"mqtt://[::1", -EINVAL, {.port = 0}},
		{"mqtt://[::1]x", -EINVAL, {.port = 0}},
		{"mqtt://[]", -EINVAL, {.port = 0}},
		{"a-scheme-too-long://h", -EINVAL, {.port = 0}},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address got;
		struct err err = {""};
		assert_int_equal(address_parse(rows[i].text, "--mqtt", &got, &err), rows[i].rc);
		assert_null(strstr(err.text, "secret"));
		if (rows[i].rc)
			continue;
		assert_string_equal(got.scheme, rows[i].is.scheme);
		assert_string_equal(got.user, rows[i].is.user);
		assert_string_equal(got.host, rows[i].is.host);
		assert_int_equal(got.port, rows[i].is.port);
		assert_string_equal(got.path, rows[i].is.path);
	}
}

static void here(void **state)
{
	static const struct {
		const char *host;
		bool here;
	} rows[] = {{"localhost", true}, {"127.0.0.1", true},          {"127.9.9.9", true},
		    {"::1", true},       {"localhost.example", false}, {"127.attacker.example", false},
		    {"127.1", false}, /* a name, for all that it is told by */
		    {"127.", false},     {"126.255.255.255", false},   {"128.0.0.1", false},
		    {"::2", false}};
	struct address address = {.port = 0};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(address.host, sizeof(address.host), "%s", rows[i].host);
		assert_int_equal(address_is_here(&address), rows[i].here);
	}
}

static int secret_of(const char *text, size_t len, mode_t mode, char ret[SECRET_MAX])
{
	char path[] = "/tmp/penrig-secret-XXXXXX";
	int fd = mkstemp(path);

	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	int rc = secret_read(path, ret, NULL);
	close(fd);
	unlink(path);
	return rc;
}

static void secrets(void **state)
{
	char got[SECRET_MAX], text[SECRET_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(secret_of("sesame\nmore\n", 12, 0600, got), 0);
	assert_string_equal(got, "sesame");
	assert_int_equal(secret_of("sesame\r\n", 8, 0400, got), 0);
	assert_string_equal(got, "sesame");
	assert_int_equal(secret_of(text, SECRET_MAX - 1, 0600, got), 0);
	assert_int_equal(strlen(got), SECRET_MAX - 1);
	assert_int_equal(secret_of(text, SECRET_MAX, 0600, got), -EINVAL);
	assert_int_equal(secret_of("\nsesame", 7, 0600, got), -EINVAL);
	assert_int_equal(secret_of("", 0, 0600, got), -EINVAL);
	assert_int_equal(secret_of("sesame", 6, 0640, got), -EACCES);
	assert_int_equal(secret_of("sesame", 6, 0604, got), -EACCES);
	assert_int_equal(secret_read("/no/such", got, NULL), -ENOENT);
	assert_int_equal(secret_read("/dev/null", got, NULL), -EINVAL);
}

static void levels(void **state)
{
	char got[32], small[8];

	(void)state;
	assert_string_equal(telemetry_level("bench-3", got, sizeof(got)), "bench-3");
	assert_string_equal(telemetry_level("a/b+c#d%e$f", got, sizeof(got)), "a%2Fb%2Bc%23d%25e%24f");
	assert_string_equal(telemetry_level("aaaa/b", small, sizeof(small)), "aaaa");
}

/* Nobody listens at port 1. */
static void lost(void **state)
{
	const struct telemetry_config config = {.url = "mqtt://127.0.0.1:1"};
	struct telemetry *telemetry = NULL;
	struct telemetry_counts counts;
	char text[TELEMETRY_TEXT + 1];
	int rc = telemetry_open(&config, &telemetry, NULL);

	(void)state;
	if (rc == -ENOENT)
		skip(); /* a build without libmosquitto */
	assert_int_equal(rc, 0);
	assert_int_equal(telemetry_add(telemetry, "b", "{}", NULL), 0);
	for (unsigned i = 0; i < TELEMETRY_DEPTH; i++)
		telemetry_tell(telemetry, 0, TELEMETRY_VERDICT, "{}");
	telemetry_look(telemetry, 0, &counts);
	assert_int_equal(counts.lost, 0);
	telemetry_tell(telemetry, 0, TELEMETRY_VERDICT, "{}");
	telemetry_tell(telemetry, 0, TELEMETRY_STATE, "{}"); /* the newest counts: none is lost */
	telemetry_tell(telemetry, 0, TELEMETRY_STATE, "{}");
	telemetry_tell(telemetry, 0, TELEMETRY_PROGRESS, "{}");
	telemetry_look(telemetry, 0, &counts);
	assert_int_equal(counts.lost, 1);
	telemetry_tell(telemetry, 0, TELEMETRY_PROGRESS, "{}");
	memset(text, 'x', sizeof(text) - 1);
	text[TELEMETRY_TEXT] = '\0';
	telemetry_tell(telemetry, 0, TELEMETRY_VERDICT, text);
	telemetry_look(telemetry, 0, &counts);
	assert_int_equal(counts.lost, 3);
	assert_false(counts.up);
	telemetry_close(telemetry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses), cmocka_unit_test(here), cmocka_unit_test(secrets),
		cmocka_unit_test(levels),    cmocka_unit_test(lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a program on this computer may send to the station's port, byte by byte and over a real socket: request lines, headers,
 * bodies in pieces, orders, ids of events, names of reports. The whole station stands behind it. No crash, no answer but those
 * that are meant, no order without the page's headers, no file but reports, and what pages are told stays JSON. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/station/http.h"
#include "rig/station/station.h"
#include "rig/station/units.h"
#include "tests/fuzz/standalone.h"

#define HOST     "station.test"
#define SECRET   "nobody's business"
#define TURNS    4 /* the library closes, and frees, in turns of its own */
#define REPLIES  (1 << 20)
#define PIECE_AT 0xff /* in the input: what stands behind is sent by itself */

static struct {
	char folder[64];
	struct station_config *config;
	struct loop *loop;
} world;

/* ---- a station in a folder of its own -------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(world.folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", world.folder, name);
	FILE *file = fopen(path, "w");
	FUZZ_CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void make_folder(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", world.folder, name);
	FUZZ_CHECK(mkdir(path, 0700) == 0);
}

/* One unit has passed, and has a report; beside its folder lies what is none. */
static void make_world(void)
{
	static const struct unit_row row = {
		.serial = "PEN-1", .name = "PEN-1-run", .word = WORD_PASS, .wall_ns = NS_PER_S, .bench = "Bench 1"};
	char path[128];
	struct units *units;

	remove_folder();
	FUZZ_CHECK(mkdir(world.folder, 0700) == 0);
	make_folder("state");
	make_folder("runs");
	snprintf(path, sizeof(path), "%s/state", world.folder);
	FUZZ_CHECK(units_open(path, &units, NULL) == 0 && units_add(units, &row, NULL) == 0);
	units_close(units);
	put("runs/PEN-1-run.report.html", "<p>a report");
	put("secret.report.html", SECRET);
	put("runs/other.report.html", SECRET);
	put("station.json",
	    "{\"kind\": \"penrig/station/1\", \"name\": \"Line\", \"listen\": \"127.0.0.1:0\", \"hosts\": [\"" HOST
	    "\"],"
	    "\"state\": \"state\", \"output_dir\": \"runs\", \"history\": \"history\", \"command\": [\"/nowhere\"],"
	    "\"benches\": [{\"file\": \"bench.json\", \"label\": \"Bench 1\"}],"
	    "\"products\": [{\"name\": \"Pen\", \"gtin\": \"04012345678901\", \"serial\": \"PEN-[0-9]+\", \"plan\": "
	    "\"plan.json\"}],"
	    "\"operators\": [{\"name\": \"A. Meier\", \"badge\": \"OP-0007\"}]}");
}

static void begin_world(void)
{
	char path[128];

	if (world.loop)
		return;
	snprintf(world.folder, sizeof(world.folder), "%s/fuzz-http-%d", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm",
		 getpid());
	make_world();
	atexit(remove_folder);
	snprintf(path, sizeof(path), "%s/station.json", world.folder);
	FUZZ_CHECK(station_config_read(path, &world.config, NULL) == 0);
	FUZZ_CHECK(loop_new(&loop_clock_monotonic, NULL, &world.loop, NULL) == 0);
}

/* ---- a client -------------------------------------------------------------------------------------------------- */

struct client {
	int fd;
	size_t len;
	bool closed;
	char reply[REPLIES + 1];
};
static struct client client;

static void hear(struct client *c)
{
	for (int i = 0; i < TURNS; i++) {
		FUZZ_CHECK(loop_turn(world.loop, loop_now_ns(world.loop)) >= 0);
		for (;;) {
			ssize_t n = recv(c->fd, c->reply + c->len, REPLIES - c->len, MSG_DONTWAIT);

			if (n <= 0) {
				c->closed = c->closed || n == 0 || errno != EAGAIN;
				break;
			}
			c->len += (size_t)n;
			i = 0;
		}
	}
	c->reply[c->len] = '\0';
}

static void say(struct client *c, const uint8_t *data, size_t size)
{
	while (size && !c->closed) {
		ssize_t n = send(c->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		} else if (errno != EAGAIN) {
			return;
		}
		hear(c);
	}
}

static void connect_to(struct client *c, unsigned port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	FUZZ_CHECK(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	hear(c);
}

static void converse(struct client *c, const uint8_t *data, size_t size)
{
	while (size) {
		const uint8_t *end = memchr(data, PIECE_AT, size);
		size_t n = end ? (size_t)(end - data) : size;

		say(c, data, n);
		n += end != NULL;
		data += n;
		size -= n;
	}
	shutdown(c->fd, SHUT_WR);
	hear(c);
}

/* ---- what must hold -------------------------------------------------------------------------------------------- */

static bool contains(const uint8_t *data, size_t size, const char *word)
{
	size_t n = strlen(word);

	for (size_t at = 0; at + n <= size; at++)
		if (strncasecmp((const char *)data + at, word, n) == 0)
			return true;
	return false;
}

/* The first answer; those behind it begin where nobody can tell without reading the first as a browser does. */
static void check_reply(const struct client *c)
{
	static const char *const meant[] = {"200", "400", "403", "404", "405", "413", "414",
					    "421", "431", "500", "501", "505", "100", NULL};
	unsigned i = 0;

	FUZZ_CHECK(!strstr(c->reply, SECRET));
	if (c->len == 0)
		return;
	FUZZ_CHECK(strncmp(c->reply, "HTTP/1.", 7) == 0 && c->len > 12);
	while (meant[i] && strncmp(c->reply + 9, meant[i], 3) != 0)
		i++;
	FUZZ_CHECK(meant[i]);
	if (strncmp(c->reply + 9, "200", 3) == 0)
		FUZZ_CHECK(strstr(c->reply, "\r\nContent-Security-Policy: default-src 'self'") ||
			   strstr(c->reply, "\r\nContent-Security-Policy: default-src 'none'"));
}

static char *shown(const struct station *station)
{
	char *text = station_bench_text(station, 0);
	struct json_doc *doc;

	FUZZ_CHECK(text && json_parse("shown", text, strlen(text), &doc, NULL) == 0);
	json_doc_free(doc);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct station *station;
	char *before, *after;

	begin_world();
	FUZZ_CHECK(station_open(world.config, NULL, world.loop, &station, NULL) == 0);
	before = shown(station);
	connect_to(&client, station_port(station));
	converse(&client, data, size);
	after = shown(station);
	check_reply(&client);
	const bool changed = strcmp(before, after) != 0;

	FUZZ_CHECK(!changed || (contains(data, size, "x-penrig") && contains(data, size, "origin") &&
				contains(data, size, "post") && contains(data, size, "\"do\"")));
	station_close(station);
	close(client.fd);
	FUZZ_CHECK(loop_turn(world.loop, loop_now_ns(world.loop)) >= -EDEADLK);
	free(before);
	free(after);
	if (changed)
		make_world(); /* a test may have begun */
	return 0;
}

#ifndef PENRIG_LIBFUZZER

#define ORDER(json) "POST /do HTTP/1.1\r\nHost: " HOST "\r\nOrigin: http://" HOST "\r\nX-Penrig: 1\r\n" json

static const struct {
	const char *text, *status; /* of the first answer */
} seeds[] = {
	{"GET / HTTP/1.1\r\nHost: " HOST "\r\n\r\n", "200"},
	{"GET /station.js?lang=de HTTP/1.1\r\nHost: " HOST "\r\nCookie: a=b; c\r\nConnection: close\r\n\r\n", "200"},
	{"GET /events HTTP/1.1\r\nHost: " HOST "\r\nLast-Event-ID: 1764515829000-3\r\n\r\n", "200"},
	{"GET /events HTTP/1.0\r\nHost: " HOST "\r\nLast-Event-ID: 18446744073709551615-18446744073709551615\r\n\r\n",
	 "200"},
	{"GET /reports/PEN-1-run HTTP/1.1\r\nHost: " HOST "\r\n\r\nGET /reports/other HTTP/1.1\r\nHost: " HOST
	 "\r\n\r\n",
	 "200"},
	{"GET /reports/other HTTP/1.1\r\nHost: " HOST "\r\n\r\n", "404"},
	{"GET /reports/..%2fsecret HTTP/1.1\r\nHost: " HOST "\r\n\r\n", "404"},
	{"GET /reports/../../secret HTTP/1.1\r\nHost: " HOST "\r\nHost: " HOST "\r\n\r\n", "4"},
	{"HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "405"},
	{"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"},
	{ORDER("Content-Length: 40\r\n\r\n{\"do\":\"scan\",\"bench\":0,\"code\":\"OP-0007\"}"), "200"},
	{ORDER("Content-Length: 59\r\n\r\n{\"do\":\"scan\",\"bench\":0,\"code\":\"]d20104012345678901\xff"
	       "21PEN-7\"}"),
	 "200"},
	{ORDER("Content-Length: 48\r\n\r\n{\"do\":\"scan\",\"bench\":0,\"code\":\"\\u001d<b>\\u00e9\"}"), "200"},
	{ORDER("Transfer-Encoding: chunked\r\n\r\n10\r\n{\"do\":\"sign_in\",\r\n\xff"
	       "1d\r\n\"bench\":0,\"who\":\"x\",\"pin\":\"\"}\r\n0\r\n\r\n"),
	 "200"},
	{ORDER("Content-Length: 40\r\n\r\n{\"do\":\"scan\",\"bench\":0,\"code\":\"OP-0007\"}")
		 ORDER("Content-Length: 38\r\n\r\n{\"do\":\"scan\",\"bench\":0,\"code\":\"PEN-2\"}"),
	 "200"},
	{ORDER("Content-Length: 40\r\n\r\n{\"do\":\"scan\",\"bench\":0,\"code\":\"OP-0007\"}")
		 ORDER("Content-Length: 38\r\n\r\n{\"do\":\"scan\",\"bench\":0,\"code\":\"PEN-2\"}")
			 ORDER("Content-Length: 24\r\n\r\n{\"do\":\"start\",\"bench\":0}"),
	 "200"},
	{ORDER("Content-Length: "
	       "98\r\n\r\n{\"do\":\"decide\",\"bench\":0,\"who\":\"A\",\"pin\":\"1\",\"reason\":\"torn\",\"serial\":"
	       "\"PEN-1\",\"decision\":\"retest\"}"),
	 "200"},
	{ORDER("Content-Length: 23\r\n\r\n{\"do\":\"stop\",\"bench\":1}"), "400"},
	{ORDER("Content-Length: 18446744073709551617\r\n\r\n{"), "4"},
	{"POST /do HTTP/1.1\r\nHost: " HOST "\r\nOrigin: null\r\nX-Penrig: 1\r\nContent-Length: 2\r\n\r\n{}", "403"},
};

int main(int argc, char **argv)
{
	uint64_t state = 1;

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	for (size_t i = 0; argc == 1 && i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		const uint8_t *text = (const uint8_t *)seeds[i].text;
		const size_t len = strlen(seeds[i].text);

		fuzz_run(text, len);
		FUZZ_CHECK(client.len > 12 && strncmp(client.reply + 9, seeds[i].status, strlen(seeds[i].status)) == 0);
		for (int n = 0; n < 2 * DAMAGED_RUNS; n++)
			fuzz_damage(text, len, &state);
	}
	return 0;
}
#endif

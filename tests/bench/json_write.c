/* The JSON report of a run, as penrig writes it and as cJSON prints a tree of the same content that is there already. Both print
 * into memory, in turn; what cJSON needs to make the tree is not counted. And what memory the writing takes, of a run and of one
 * with a hundred times its points.
 * usage: json_write RUNFILE */
#include <cjson/cJSON.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reports/report.h"
#include "rig/offline/reopen.h"

#define ROUNDS 7
#define TIMES  40  /* as many reports each round as make some milliseconds */
#define MANY   100 /* times the points, for the memory */

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "json_write: %s\n", what);
	exit(1);
}

/* Seconds of a report; its bytes into a memory that is there. */
static double ours(const struct record *record, char *room, size_t size, size_t *ret_len)
{
	double begin = now_s();
	struct err err;

	for (unsigned i = 0; i < TIMES; i++) {
		FILE *out = fmemopen(room, size, "w");

		if (!out || report_json.write(record, out, &err) < 0)
			fail("the report cannot be written");
		fflush(out);
		*ret_len = (size_t)ftell(out);
		fclose(out);
	}
	return (now_s() - begin) / TIMES;
}

static double theirs(const cJSON *tree, char *room, size_t size, int indented, size_t *ret_len)
{
	double begin = now_s();

	for (unsigned i = 0; i < TIMES; i++)
		if (!cJSON_PrintPreallocated((cJSON *)(uintptr_t)tree, room, (int)size, indented))
			fail("cJSON does not print");
	*ret_len = strlen(room);
	return (now_s() - begin) / TIMES;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

static long status_kb(const char *name)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[200];
	long kb = -1;

	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtol(line + strlen(name), NULL, 10);
	if (status)
		fclose(status);
	return kb;
}

/* kB that the process grew by while it wrote. */
static long memory_of(const struct record *record)
{
	FILE *clear, *out = fopen("/dev/null", "we");
	struct err err;
	long before;

	malloc_trim(0);
	clear = fopen("/proc/self/clear_refs", "we");
	if (!clear || !out || fputs("5", clear) < 0 || fclose(clear) != 0)
		fail("the peak of memory cannot be set back");
	before = status_kb("VmRSS:");
	if (report_json.write(record, out, &err) < 0)
		fail("the report cannot be written");
	fclose(out);
	return status_kb("VmHWM:") - before;
}

static long memory_of_many(struct record *record)
{
	struct record_point *one = record->point, *many = calloc((size_t)record->points * MANY, sizeof(*many));
	unsigned points = record->points;
	long kb;

	if (!many)
		fail("out of memory");
	for (unsigned i = 0; i < points * MANY; i++)
		many[i] = one[i % points];
	record->point = many;
	record->points = points * MANY;
	kb = memory_of(record);
	record->point = one;
	record->points = points;
	free(many);
	return kb;
}

int main(int argc, char **argv)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err err;
	size_t size, len = 0, lines_len = 0, plain_len = 0;
	double own = 1e9, lines = 1e9, plain = 1e9;
	char *text = NULL, *room;
	cJSON *tree;

	if (argc != 2 || reopen(argv[1], &reader, &record, &err) < 0 ||
	    report_string(&report_json, record, &text, &err) < 0)
		fail(argc == 2 ? err.text : "usage: json_write RUNFILE");
	tree = cJSON_Parse(text);
	size = 8 * strlen(text) + 1000;
	room = malloc(size);
	if (!tree || !room)
		fail("out of memory");
	for (unsigned i = 0; i < ROUNDS; i++) {
		own = least(own, ours(record, room, size, &len));
		lines = least(lines, theirs(tree, room, size, 1, &lines_len));
		plain = least(plain, theirs(tree, room, size, 0, &plain_len));
	}
	printf("ours %.1f MB/s, cJSON in lines %.1f MB/s, on one line %.1f MB/s, %zu bytes\n", (double)len / own / 1e6,
	       (double)lines_len / lines / 1e6, (double)plain_len / plain / 1e6, len);
	printf("memory %ld kB, of %u times the points %ld kB\n", memory_of(record), MANY, memory_of_many(record));
	cJSON_Delete(tree);
	free(room);
	free(text);
	runfile_reader_free(reader);
	record_free(record);
	return 0;
}

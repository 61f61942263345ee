/* What became of a batch: words and JSON. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig/cli/batch.h"
#include "rig/cli/kit/table.h"

static void count_all(const struct batch_course *c, int build, unsigned ret[BATCH_CLASSES])
{
	memset(ret, 0, BATCH_CLASSES * sizeof(ret[0]));
	for (unsigned i = 0; i < c->jobs; i++)
		if (build < 0 || c->job[i].build == (unsigned)build)
			ret[batch_class_of(&c->done[i])]++;
}

static void print_counts(const unsigned count[BATCH_CLASSES])
{
	for (unsigned k = 0; k < BATCH_CLASSES; k++)
		if (count[k] || k < CLASS_NO_VERDICT)
			printf("%s%u %s", k ? ", " : "", count[k], batch_class_name[k]);
	putchar('\n');
}

static void print_others(const struct batch_course *c)
{
	for (unsigned i = 0; i < c->jobs; i++) {
		const struct batch_done *d = &c->done[i];
		enum batch_class class = batch_class_of(d);

		if ((class == CLASS_PASS && !*d->why) || class == CLASS_OPEN)
			continue;
		printf("  job %u, ", c->job[i].number);
		print_clean(stdout, c->batch->pen[c->job[i].pen]);
		if (c->batch->builds) {
			fputs(", build ", stdout);
			print_clean(stdout, c->batch->build[c->job[i].build].name);
		}
		if (d->state == JOB_RUN) {
			printf(": %s, exit code %d, run ", *d->verdict ? d->verdict : "none", d->code);
			print_clean(stdout, *d->run ? d->run : "none");
		}
		fputs(*d->why ? ": " : "", stdout);
		print_clean(stdout, d->why);
		putchar('\n');
	}
}

void batch_print(const struct batch_course *c, int code)
{
	unsigned count[BATCH_CLASSES];

	fputs("\nbatch ", stdout);
	print_clean(stdout, c->batch->name);
	printf(", %u jobs: ", c->jobs);
	count_all(c, -1, count);
	print_counts(count);
	for (unsigned b = 0; b < c->batch->builds && c->batch->builds > 1; b++) {
		fputs("  build ", stdout);
		print_clean(stdout, c->batch->build[b].name);
		fputs(": ", stdout);
		count_all(c, (int)b, count);
		print_counts(count);
	}
	print_others(c);
	if (c->signal)
		printf("ENDED by signal %d; started again it goes on\n", c->signal);
	if (c->ended) {
		fputs("ENDED EARLY: ", stdout);
		print_clean(stdout, c->why);
		puts("; started again it goes on");
	}
	printf("exit code %d\n", code);
}

static void add_job(struct json_out *list, const struct batch_course *c, unsigned i)
{
	const struct batch *b = c->batch;
	const struct batch_job *job = &c->job[i];
	const struct batch_done *d = &c->done[i];
	struct json_out *node = json_out_add_object(list, NULL);

	json_out_int(node, "job", job->number);
	json_out_int(node, "block", job->block + 1);
	json_out_string(node, "pen", b->pen[job->pen]);
	json_out_string(node, "plan", b->plan[job->plan]);
	json_out_string(node, "build", b->builds ? b->build[job->build].name : NULL);
	json_out_string(node, "state", batch_state_name[d->state]);
	json_out_string(node, "run", *d->run ? d->run : NULL);
	json_out_string(node, "dut_verdict", *d->verdict ? d->verdict : NULL);
	if (d->state == JOB_RUN)
		json_out_int(node, "exit_code", d->code);
	else
		json_out_null(node, "exit_code");
	json_out_number(node, "waited_s", d->waited_s, 4);
	json_out_string(node, "why", *d->why ? d->why : NULL);
}

static const struct table_column columns[] = {
	{"job", TABLE_INTEGER, NULL},     {"block", TABLE_INTEGER, NULL},      {"pen", TABLE_STRING, NULL},
	{"plan", TABLE_STRING, NULL},     {"build", TABLE_STRING, NULL},       {"state", TABLE_STRING, NULL},
	{"run", TABLE_STRING, NULL},      {"dut_verdict", TABLE_STRING, NULL}, {"exit_code", TABLE_INTEGER, NULL},
	{"waited_s", TABLE_NUMBER, NULL}, {"why", TABLE_STRING, NULL},         {.path = NULL},
};
const struct table table_batch = {"batch", "jobs", columns};

struct json_out *batch_tree(const struct batch_course *c, int code)
{
	static const char *const keys[BATCH_CLASSES] = {"pass", "fail", "inconclusive", "no_verdict", "open"};
	const struct batch *b = c->batch;
	struct json_out *root = json_out_object();
	unsigned count[BATCH_CLASSES];

	json_out_string(root, "batch", b->name);
	json_out_string(root, "definition", c->definition);
	json_out_int(root, "seed", b->seed);
	json_out_int(root, "exit_code", code);
	json_out_string(root, "ended_early", c->ended ? c->why : NULL);
	count_all(c, -1, count);
	struct json_out *counts = json_out_add_object(root, "counts");
	for (unsigned k = 0; k < BATCH_CLASSES; k++)
		json_out_int(counts, keys[k], count[k]);
	struct json_out *builds = json_out_add_array(root, "builds");
	for (unsigned i = 0; i < b->builds; i++) {
		struct json_out *node = json_out_add_object(builds, NULL);
		json_out_string(node, "name", b->build[i].name);
		json_out_string(node, "sha256", *c->build_sha256[i] ? c->build_sha256[i] : NULL);
		json_out_string(node, "commit", *b->build[i].commit ? b->build[i].commit : NULL);
	}
	struct json_out *jobs = json_out_add_array(root, "jobs");
	for (unsigned i = 0; i < c->jobs; i++)
		add_job(jobs, c, i);
	return root;
}

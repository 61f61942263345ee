/* Reads the plan's "process": names, units, and a spread that can be. */
#include "rig/config/process.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define VALUE_MAX 1e9
#define SIZE(m)   sizeof(((struct process *)0)->m)
#define IN(m)     offsetof(struct process_text, process.m)

const char *const prior_names[] = {[PRIOR_NORMAL] = "normal", [PRIOR_GAMMA] = "gamma", NULL};

struct process_text {
	struct process process;
	int shape;
};

static const struct json_field process_fields[] = {
	{.key = "measurand",
	 .kind = FIELD_STRING,
	 .offset = IN(measurand),
	 .size = SIZE(measurand),
	 .required = true,
	 .lo = 1},
	{.key = "unit", .kind = FIELD_STRING, .offset = IN(unit), .size = SIZE(unit), .required = true, .lo = 1},
	{.key = "distribution",
	 .kind = FIELD_WORD,
	 .offset = offsetof(struct process_text, shape),
	 .words = prior_names},
	{.key = "mean",
	 .kind = FIELD_NUMBER,
	 .offset = IN(prior.mean),
	 .required = true,
	 .lo = -VALUE_MAX,
	 .hi = VALUE_MAX},
	{.key = "sd", .kind = FIELD_NUMBER, .offset = IN(prior.sd), .required = true, .lo = 1e-9, .hi = VALUE_MAX},
	{.key = "consumer_risk", .kind = FIELD_NUMBER, .offset = IN(consumer_risk), .lo = 1e-9, .hi = 0.5, .unit = "1"},
	{.key = NULL},
};

static int check_process(const struct json_doc *doc, const struct json *node, const struct process *p, struct err *err)
{
	const char *unit = measurand_row(p->id)->unit;

	if (!measurand_is_judged(p->id))
		return json_error(
			doc, json_get(node, "measurand"), err,
			"\"%s\" is no measurand that a limit can judge; \"penrig help measurands\" lists them",
			p->measurand);
	if (strcmp(p->unit, unit) != 0)
		return json_error(doc, json_get(node, "unit"), err,
				  "%s is judged in %s, not in \"%s\": write mean and sd in %s with unit \"%s\"",
				  p->measurand, unit, p->unit, unit, unit);
	if (!prior_is_sound(&p->prior))
		return json_error(
			doc, json_get(node, "sd"), err,
			"a gamma distribution of mean %.6g cannot have the sd %.6g: it needs a mean above 0 and an "
			"sd not above the mean; or write \"distribution\": \"normal\"",
			p->prior.mean, p->prior.sd);
	return 0;
}

static int read_process(const struct json_doc *doc, const struct json *node, struct process *ret, struct err *err)
{
	struct process_text text = {.process = {.consumer_risk = NAN}};
	int status = json_read_object(doc, node, process_fields, &text, err);

	if (status)
		return status;
	text.process.prior.shape = (enum prior_shape)text.shape;
	text.process.id = measurand_find(text.process.measurand);
	status = check_process(doc, node, &text.process, err);
	if (status == 0)
		*ret = text.process;
	return status;
}

int processes_read(const struct json_doc *doc, const struct json *node, struct process *processes, unsigned *ret_count,
		   struct err *err)
{
	if (json_kind(node) != JSON_ARRAY || json_size(node) > PROCESS_MAX)
		return json_error(doc, node, err,
				  "\"process\" must be a list of at most %d entries, as in [{\"measurand\": "
				  "\"depth_error_mm\", \"unit\": \"mm\", \"mean\": 0.01, \"sd\": 0.03}]",
				  PROCESS_MAX);
	for (unsigned i = 0; i < json_size(node); i++) {
		const struct json *at = json_at(node, i);
		int ret = read_process(doc, at, &processes[i], err);
		if (ret)
			return ret;
		for (unsigned j = 0; j < i; j++)
			if (processes[j].id == processes[i].id)
				return json_error(doc, at, err, "%s is told twice in this list: keep one of them",
						  processes[i].measurand);
	}
	*ret_count = (unsigned)json_size(node);
	return 0;
}

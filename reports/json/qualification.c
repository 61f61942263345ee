/* The record of a qualification as JSON, and what both writers ask of it. */
#include "reports/qualification.h"

#include <stdlib.h>

#include "rig/base/json.h"

const char *const qualified_name[] = {"holds", "left_out", "unknown", "broken"};

enum qualified qualification_state(const struct qualification *q)
{
	enum qualified worst = q->requirements ? QUALIFIED_HOLDS : QUALIFIED_UNKNOWN;

	for (unsigned i = 0; i < q->requirements; i++)
		if (q->requirement[i].state > worst)
			worst = q->requirement[i].state;
	return worst;
}

const char *qualification_verdict(const struct qualification *q)
{
	switch (qualification_state(q)) {
	case QUALIFIED_HOLDS: return "qualified";
	case QUALIFIED_BROKEN: return "not_qualified";
	case QUALIFIED_LEFT_OUT:
	case QUALIFIED_UNKNOWN: break;
	}
	return "incomplete";
}

void qualification_free(struct qualification *q)
{
	for (unsigned i = 0; i < q->requirements; i++)
		free(q->requirement[i].evidence);
	free(q->requirement);
	free(q->file);
}

static void put_requirement(struct json_out *o, const struct qualified_requirement *r)
{
	json_out_string(o, "id", r->id);
	json_out_string(o, "text", r->text);
	json_out_string(o, "basis", r->basis);
	json_out_string(o, "how", r->how);
	json_out_string(o, "state", qualified_name[r->state]);
	struct json_out *list = json_out_add_array(o, "evidence");
	for (unsigned i = 0; i < r->count; i++) {
		struct json_out *e = json_out_add_object(list, NULL);
		json_out_string(e, "what", r->evidence[i].what);
		json_out_string(e, "wanted", r->evidence[i].wanted);
		json_out_string(e, "found", r->evidence[i].found);
		json_out_string(e, "state", qualified_name[r->evidence[i].state]);
	}
}

static void put_files(struct json_out *list, const struct qualification *q)
{
	for (unsigned i = 0; i < q->files; i++) {
		struct json_out *f = json_out_add_object(list, NULL);
		json_out_string(f, "path", q->file[i].path);
		json_out_string(f, "sha256", q->file[i].sha256);
		json_out_string(f, "package", q->file[i].owner[0] ? q->file[i].owner : NULL);
	}
}

static void put_anomalies(struct json_out *list, const struct qualification *q)
{
	for (const struct anomaly *a = q->anomaly; a->id; a++) {
		struct json_out *o = json_out_add_object(list, NULL);
		json_out_string(o, "id", a->id);
		json_out_string(o, "what", a->what);
		json_out_string(o, "effect", a->effect);
		json_out_string(o, "remedy", a->remedy);
	}
}

int qualification_json(const struct qualification *q, char **ret, struct err *err)
{
	struct json_out *root = json_out_object();

	json_out_string(root, "kind", "penrig/qualification/1");
	json_out_string(root, "part", q->part);
	json_out_string(root, "verdict", qualification_verdict(q));
	json_out_string(root, "started", q->started_utc);
	json_out_string(root, "ended", q->ended_utc);
	json_out_string(root, "by", q->by[0] ? q->by : NULL);
	struct json_out *facts = json_out_add_object(root, "host");
	for (unsigned i = 0; i < q->facts; i++)
		json_out_string(facts, q->fact[i].name, q->fact[i].value);
	struct json_out *list = json_out_add_array(root, "requirements");
	for (unsigned i = 0; i < q->requirements; i++)
		put_requirement(json_out_add_object(list, NULL), &q->requirement[i]);
	put_files(json_out_add_array(root, "files"), q);
	put_anomalies(json_out_add_array(root, "known_anomalies"), q);
	int rc = json_out_print(root, true, ret, err);
	json_out_free(root);
	return rc;
}

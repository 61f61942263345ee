/* A supervisor's decision as one line of JSON and back. */
#include "rig/record/disposition.h"

#include <errno.h>

#include "rig/base/json.h"

const char *const disposition_words[] = {"retest", "accept", "reject", NULL};

int disposition_to_json(const struct disposition *d, char **ret, struct err *err)
{
	struct json_out *root = json_out_object();
	int rc;

	if (!root)
		return err_set(err, -ENOMEM, "out of memory");
	json_out_string(root, "decision", disposition_words[d->kind]);
	json_out_string(root, "by", d->by);
	json_out_string(root, "reason", d->reason);
	json_out_string(root, "utc", d->utc);
	rc = json_out_print(root, false, ret, err);
	json_out_free(root);
	return rc;
}

int disposition_from_json(const char *text, size_t len, struct disposition *ret, struct err *err)
{
	struct read {
		int kind;
		struct disposition d;
	} read = {.kind = 0};
	static const struct json_field fields[] = {
		{.key = "decision",
		 .kind = FIELD_WORD,
		 .offset = offsetof(struct read, kind),
		 .words = disposition_words,
		 .required = true},
		{.key = "by",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct read, d.by),
		 .size = sizeof(read.d.by),
		 .required = true},
		{.key = "reason",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct read, d.reason),
		 .size = sizeof(read.d.reason),
		 .required = true},
		{.key = "utc",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct read, d.utc),
		 .size = sizeof(read.d.utc),
		 .required = true},
		{.key = NULL},
	};
	struct json_doc *doc;
	int rc = json_parse("disposition", text, len, &doc, err);

	if (rc)
		return -EBADMSG;
	rc = json_read_object(doc, json_root(doc), fields, &read, err);
	json_doc_free(doc);
	if (rc)
		return -EBADMSG;
	read.d.kind = (enum disposition_kind)read.kind;
	*ret = read.d;
	return 0;
}

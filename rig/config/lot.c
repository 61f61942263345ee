/* "penrig/lot/1". */
#include "rig/config/lot.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>

#include "rig/config/filekind.h"

#define N_MAX      5000

#define IN(member) offsetof(struct lot_file, member)
#define SHARE(name)                                                                                                    \
	{                                                                                                              \
		.key = #name, .kind = FIELD_NUMBER, .offset = offsetof(struct lot_measuring, name), .lo = 0, .hi = 5,  \
		.unit = "standard deviations of the lot"                                                               \
	}

static int read_measuring(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		SHARE(u_random),
		SHARE(u_common),
		SHARE(guard),
		{.key = NULL},
	};

	return json_read_object(doc, node, fields, dst, err);
}

static const char *const sigmas[] = {"unknown", "known", NULL};

static const struct json_field fields[] = {
	{.key = "kind", .kind = FIELD_CUSTOM, .required = true, .read = file_kind_ignore},
	{.key = "$schema", .kind = FIELD_CUSTOM, .read = file_kind_ignore},
	{.key = "standard",
	 .kind = FIELD_STRING,
	 .offset = IN(standard),
	 .size = sizeof(((struct lot_file *)0)->standard),
	 .required = true,
	 .lo = 1},
	{.key = "n", .kind = FIELD_INT, .offset = IN(n), .required = true, .lo = 1, .hi = N_MAX},
	{.key = "c", .kind = FIELD_INT, .offset = IN(c), .lo = 0, .hi = N_MAX - 1},
	{.key = "k", .kind = FIELD_NUMBER, .offset = IN(k), .lo = 0, .hi = 10, .unit = "standard deviations"},
	{.key = "sigma", .kind = FIELD_WORD, .offset = IN(sigma), .words = sigmas},
	{.key = "sigma_value", .kind = FIELD_NUMBER, .offset = IN(sigma_value), .lo = 1e-9, .hi = 1e9},
	{.key = "most_percent", .kind = FIELD_NUMBER, .offset = IN(most_percent), .lo = 0.001, .hi = 50, .unit = "%"},
	{.key = "measurand",
	 .kind = FIELD_STRING,
	 .offset = IN(measurand),
	 .size = sizeof(((struct lot_file *)0)->measurand),
	 .lo = 1},
	{.key = "method",
	 .kind = FIELD_STRING,
	 .offset = IN(method),
	 .size = sizeof(((struct lot_file *)0)->method),
	 .lo = 1},
	{.key = "lot_size", .kind = FIELD_INT, .offset = IN(lot_size), .lo = 1, .hi = 1e6},
	{.key = "aql_percent", .kind = FIELD_NUMBER, .offset = IN(aql_percent), .lo = 0.001, .hi = 50, .unit = "%"},
	{.key = "lq_percent", .kind = FIELD_NUMBER, .offset = IN(lq_percent), .lo = 0.001, .hi = 99, .unit = "%"},
	{.key = "measurement", .kind = FIELD_CUSTOM, .offset = IN(measuring), .read = read_measuring},
	{.key = NULL},
};

/* What a lot is judged by, where that is values. */
static int check_values(const struct json_doc *doc, const struct lot_file *lot, struct err *err)
{
	static const char *const keys[] = {"measurand", "method", "most_percent", "sigma_value", NULL};
	const struct json *root = json_root(doc), *value = json_get(root, "sigma_value");

	for (unsigned i = 0; keys[i] && !json_get(root, "k"); i++)
		if (json_get(root, keys[i]))
			return json_error(doc, json_get(root, keys[i]), err, "\"%s\" belongs to \"k\"; leave it out",
					  keys[i]);
	if (value && lot->sigma != 1)
		return json_error(doc, value, err, "\"sigma_value\" goes with \"sigma\": \"known\"");
	if (*lot->measurand && lot->sigma == 1 && !value)
		return json_error(doc, json_get(root, "measurand"), err,
				  "sigma is known: write it as \"sigma_value\", in the measurand's unit");
	return 0;
}

static int check_together(const struct json_doc *doc, const struct lot_file *lot, struct err *err)
{
	const struct json *root = json_root(doc), *c = json_get(root, "c"), *k = json_get(root, "k");

	if (!c == !k)
		return json_error(doc, k ? k : root, err,
				  "a plan by attributes has \"c\", one by variables \"k\": write one of them");
	if (c && lot->c >= lot->n)
		return json_error(doc, c, err, "\"c\" of %lld accepts whatever %lld units show", (long long)lot->c,
				  (long long)lot->n);
	if (k && lot->n < 2)
		return json_error(doc, json_get(root, "n"), err, "by variables \"n\" is 2 at least");
	if (c && json_get(root, "sigma"))
		return json_error(doc, json_get(root, "sigma"), err, "\"sigma\" belongs to \"k\"; leave it out");
	if (lot->lot_size && lot->lot_size < lot->n)
		return json_error(doc, json_get(root, "lot_size"), err, "%lld units cannot be drawn from a lot of %lld",
				  (long long)lot->n, (long long)lot->lot_size);
	if (k && lot->measuring.guard > 0.0)
		return json_error(
			doc, json_get(json_get(root, "measurement"), "guard"), err,
			"by variables no unit is judged by itself: leave \"guard\" out, and make \"k\" larger");
	if (lot->lq_percent <= lot->aql_percent)
		return json_error(doc, json_get(root, "lq_percent"), err, "\"lq_percent\" lies above \"aql_percent\"");
	return 0;
}

int lot_read(const char *path, struct lot_file *ret, struct err *err)
{
	struct json_doc *doc = NULL;
	int rc = json_read(path, &doc, err);

	*ret = (struct lot_file){.aql_percent = NAN, .lq_percent = NAN, .sigma_value = NAN, .most_percent = NAN};
	if (!rc)
		rc = file_kind_check(doc, "lot", err);
	if (!rc)
		rc = json_read_object(doc, json_root(doc), fields, ret, err);
	if (!rc)
		rc = check_together(doc, ret, err);
	if (!rc)
		rc = check_values(doc, ret, err);
	ret->variables = !rc && json_get(json_root(doc), "k");
	json_doc_free(doc);
	return rc;
}

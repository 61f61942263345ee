#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "rig/base/digest.h"
#include "rig/cli/kit/allowing.h"
#include "rig/cli/kit/keys.h"

#define OVERRIDDEN_MAX 310 /* bytes that the record has for it, beside the reason */

/* Refusals are all named, one behind the other; anything else that went wrong comes before them. */
static void note(int rc, const struct err *why, int *ret_rc, struct err *ret_why)
{
	const size_t len = strlen(ret_why->text), room = sizeof(ret_why->text) - len;

	if (rc == 0 || (*ret_rc && *ret_rc != -EKEYREJECTED))
		return;
	if (*ret_rc == -EKEYREJECTED && rc == -EKEYREJECTED)
		snprintf(ret_why->text + len, room, "; %.*s", (int)room, why->text);
	else
		*ret_why = *why;
	*ret_rc = rc;
}

/* Who approved what. 0, or -EKEYREJECTED with all that production refuses. */
static int look_at_approvals(const struct allowing *of, const struct keyring *ring, struct err *err)
{
	time_t seconds = (time_t)(of->wall_ns / NS_PER_S);
	struct bench *bench = of->bench;
	struct err why = {0};
	char today[11];
	struct tm tm;
	int first = 0;

	gmtime_r(&seconds, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	note(approval_read(of->plan->doc, ring, today, &of->plan->approval, &why), &why, &first, err);
	note(approval_read(bench->doc, ring, today, &bench->approval, &why), &why, &first, err);
	for (unsigned i = 0; i < bench->phantoms; i++)
		note(approval_read(bench->phantom[i].doc, ring, today, &bench->phantom[i].approval, &why), &why, &first,
		     err);
	return first;
}

static int check_exactly(const struct option_list *wanted, const struct json_doc *doc, const char *what,
			 struct err *err)
{
	char sha256[DIGEST_HEX];
	size_t len = 0;
	const char *text = json_text(doc, &len);

	digest_text(text, len, sha256);
	for (unsigned i = 0; i < wanted->count; i++)
		if (strcasecmp(wanted->item[i], sha256) == 0)
			return 0;
	return wanted->count
		       ? err_set(err, -EKEYREJECTED,
				 "--exactly: the %s is another file, or was changed: its SHA-256 is %s", what, sha256)
		       : 0;
}

int allowing_files(const struct allowing *of, struct err *err)
{
	const struct option_list *wanted = of->exactly;
	const struct bench *bench = of->bench;
	int rc = check_exactly(wanted, of->plan->doc, "plan", err);

	if (!rc)
		rc = check_exactly(wanted, bench->doc, "bench", err);
	for (unsigned i = 0; i < bench->phantoms && !rc; i++)
		rc = check_exactly(wanted, bench->phantom[i].doc, "phantom's calibration", err);
	return rc;
}

int allowing_control(const struct allowing *of, struct record *record, struct err *err)
{
	bool production = of->production || of->bench->production;
	const char *own = getenv("PENRIG_KEYS");
	bool outside =
		of->keys || (own && *own); /* a bench file is among what is approved: it names no approver of its own */
	const char *folder = of->keys ? of->keys : !outside && *of->bench->keys ? of->bench->keys : NULL;
	struct keyring *ring = calloc(1, sizeof(*ring));
	struct err why = {0}, version = {0};
	int refused = 0;

	if (!ring)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = keys_trusted(NULL, folder, ring, err);
	bool looked = !rc && (production ? outside : ring->count > 0);
	int approvals = looked ? look_at_approvals(of, ring, &why) : 0;
	if (production && !outside && !rc)
		approvals = err_set(&why, -EKEYREJECTED,
				    "whose approval counts is not told by what is approved: name the folder of keys by "
				    "--keys DIR or PENRIG_KEYS");
	free(ring);
	if (rc)
		return rc;
	snprintf(record->approvals, sizeof(record->approvals), "%s",
		 approval_demand_name(production ? APPROVALS_DEMANDED
				      : !looked  ? APPROVALS_NOT_LOOKED_AT
				      : outside  ? APPROVALS_LOOKED_AT
						 : APPROVALS_OWN_KEYS));
	*err = (struct err){0};
	note(bench_check_version(of->bench, record->software_version, &version), &version, &refused, err);
	note(production ? approvals : 0, &why, &refused, err);
	if (!refused || !of->override || refused != -EKEYREJECTED)
		return refused;
	const struct err all = *err;
	if (strlen(err->text) > OVERRIDDEN_MAX) /* only what the record names is overridden */
		return err_set(err, refused,
			       "%.300s...: more than the record of one --override can name; mend some of it first",
			       all.text);
	snprintf(record->override, sizeof(record->override), "%.159s (%.*s)", of->override, OVERRIDDEN_MAX, err->text);
	return 0;
}

/* A file's revision and approver in words. An approver's printed name is what he wrote himself: whose it is, the key says, and
 * what that is worth, whether anybody demanded it. */
#include "reports/control.h"

#include <stdio.h>

#include "rig/config/control.h"

static const struct {
	const char *approved, *unapproved; /* behind the approver; in his place */
} words[] = {
	[APPROVALS_UNTOLD] = {"", "approval not recorded"},
	[APPROVALS_NOT_LOOKED_AT] = {" (not demanded)", "approval not demanded, and not looked at"},
	[APPROVALS_OWN_KEYS] = {" (not demanded, by a key that the bench file names itself)",
				"NOT approved, which was not demanded"},
	[APPROVALS_LOOKED_AT] = {" (not demanded)", "NOT approved, which was not demanded"},
	[APPROVALS_DEMANDED] = {"", "NOT approved, though that was demanded"},
};

bool control_words(const struct record_control *control, const char *approvals, char *ret, size_t size)
{
	enum approval_demand demand = APPROVALS_UNTOLD;
	const char *key = control->approver_key[0] ? control->approver_key : "not recorded";

	*ret = '\0';
	if (!control->revision[0] && !control->approver[0])
		return false;
	approval_demand_find(approvals, &demand);
	int n = snprintf(ret, size, "revision %s%s%s, ", control->revision[0] ? control->revision : "not said",
			 control->effective[0] ? ", effective " : "", control->effective);
	size_t at = n > 0 && (size_t)n < size ? (size_t)n : size - 1;
	if (control->approver[0])
		snprintf(ret + at, size - at, "approved by %s at %s, key %s%s", control->approver,
			 control->approved_utc, key, words[demand].approved);
	else
		snprintf(ret + at, size - at, "%s", words[demand].unapproved);
	return true;
}

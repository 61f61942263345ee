/* A run file opened again, with a verdict whatever became of its run. */
#include "rig/offline/reopen.h"

#include "rig/judge/verdict.h"

int reopen(const char *path, struct runfile_reader **ret, struct record **ret_record, struct err *err)
{
	int rc = runfile_open(path, ret, ret_record, err);

	if (!rc && !runfile_is_final(*ret))
		verdict_form(*ret_record, NULL);
	return rc;
}

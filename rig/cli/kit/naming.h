/* Names of a run's files, and what a user's words must be to enter the record. */
#ifndef PENRIG_CLI_KIT_NAMING_H
#define PENRIG_CLI_KIT_NAMING_H

#include "reports/report.h"
#include "rig/base/error.h"

/* DUT-PLAN-YYYYMMDDTHHMMSSZ with characters other than letters, digits, '.', '_' and '-' made '-'; "-2", "-3" ...
 * behind it where a file of that name stands in `folder`. Fits record.name (128). */
void name_default(const char *dut, const char *plan, uint64_t wall_ns, const char *folder,
		  const struct report_writer *const *reports, char ret[128]);

/* A name that the user chose: -EINVAL for one that is no file stem, -EEXIST where it is taken in `folder`. */
int name_check(const char *name, const char *folder, const struct report_writer *const *reports, struct err *err);

/* Copies an option's text into the record: -EINVAL where it is too long, empty or holds control characters or no UTF-8.
 */
int record_text(const char *option, const char *value, char *ret, size_t size, struct err *err);

/* "KEY=VALUE" into record->attr: also -EINVAL for a key given twice. */
int record_attribute(const char *text, struct record *record, struct err *err);

#endif

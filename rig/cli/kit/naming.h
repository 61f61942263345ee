/* Names of a run's files, and what a user's words must be to enter the record. */
#ifndef PENRIG_CLI_KIT_NAMING_H
#define PENRIG_CLI_KIT_NAMING_H

#include "reports/deliver.h"
#include "rig/base/error.h"

/* The folder of a run's files, with the parents it lacks, writable. -errno with text. */
int name_folder(const char *folder, struct err *err);

/* Names the run and takes the name (delivery_take_name) in record->folder, so that no other process writes files of that
 * name. The record has its DUT and folder. Its name becomes DUT-PLAN-YYYYMMDDTHHMMSSZ with characters other than
 * letters, digits, '.', '_' and '-' made '-', and "-2", "-3" ... behind it where the name is taken. -errno of the disk. */
int name_default(const struct delivery *delivery, struct record *record, const char *plan, uint64_t wall_ns,
		 struct err *err);
/* The same with a name that the user chose: -EINVAL for one that is no file stem, -EEXIST where it is taken. */
int name_chosen(const struct delivery *delivery, struct record *record, const char *name, struct err *err);

/* The run file's path with `rest` in the place of its extension. -ENAMETOOLONG. */
int name_beside(const char *runfile, const char *rest, char *ret, size_t size);

/* Copies an option's text into the record: -EINVAL where it is too long, empty or holds control characters or no UTF-8.
 */
int record_text(const char *option, const char *value, char *ret, size_t size, struct err *err);

/* "KEY=VALUE" into record->attr: also -EINVAL for a key given twice. */
int record_attribute(const char *text, struct record *record, struct err *err);

#endif

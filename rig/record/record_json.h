/* The record as JSON and back, without loss: how the run file keeps it. Not a report: reports/ writes those for people.
 * What numbers look like: members.h. */
#ifndef PENRIG_RECORD_RECORD_JSON_H
#define PENRIG_RECORD_RECORD_JSON_H

#include "rig/base/text_clean.h"
#include "rig/record/record.h"

/* malloc'd, one line. record_to_json leaves out points, sweeps and the texts of files: they are kept on their own. */
int record_to_json(const struct record *record, char **ret, struct err *err);
int point_to_json(const struct record_point *point, char **ret, struct err *err);
int sweep_to_json(const struct record_sweep *sweep, char **ret, struct err *err);
int judged_to_json(const struct record_judged *judged, char **ret, struct err *err);
int channels_to_json(const struct channel *channels, unsigned count, char **ret, struct err *err);

/* Indented, for people: it is what they sign. */
int seal_to_json(const struct record_seal *seal, char **ret, struct err *err);

/* -EBADMSG: not what the functions above write. Fills the struct; points and sweeps of `record` stay. */
int record_from_json(const char *text, size_t len, struct record *record, struct err *err);
int point_from_json(const char *text, size_t len, struct record_point *point, struct err *err);
int judged_from_json(const char *text, size_t len, struct record_judged *judged, struct err *err);
int seal_from_json(const char *text, size_t len, struct record_seal *seal, struct err *err);
int sweep_from_json(const char *text, size_t len, struct record_sweep *sweep, struct err *err);

#endif

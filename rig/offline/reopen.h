/* A run file opened again, with a verdict whatever became of its run. */
#ifndef PENRIG_OFFLINE_REOPEN_H
#define PENRIG_OFFLINE_REOPEN_H

#include "rig/runfile/runfile.h"

/* As runfile_open(). A file whose run did not come to its end is judged by what it holds: inconclusive, or a fail that
 * was proven before. */
int reopen(const char *path, struct runfile_reader **ret, struct record **ret_record, struct err *err);
/* The same, where the chain and all that stands in words is as it was written (runfile_verify_words); else -EBADMSG, and
 * the reader and record are the caller's as well. */
int reopen_sound(const char *path, struct runfile_reader **ret, struct record **ret_record, struct err *err);

/* Brings the record, as reopen() gave it, to a later verdict of its file: judged by the limits that the file keeps.
 * -ENOENT: there is no such verdict; -ESTALE where this penrig judges otherwise than the one that formed it: the record
 * is of no use then. */
int reopen_judged(struct runfile_reader *reader, struct record *record, unsigned number, struct err *err);

#endif

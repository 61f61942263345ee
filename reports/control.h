/* What every report for people says of a file's revision, and of who approved it. */
#ifndef PENRIG_REPORTS_CONTROL_H
#define PENRIG_REPORTS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "rig/record/record.h"

#define CONTROL_WORDS_MAX 320

/* "revision C, effective 2026-02-01, approved by Q. Head at 2026-…Z, key 3D292A7520066B42 (not demanded)". approvals: whether
 * that was demanded, as the record says it. False, and nothing in `ret`, where there is nothing to say: the file names no
 * revision, and nobody demanded one. */
bool control_words(const struct record_control *control, const char *approvals, char *ret, size_t size);

#endif

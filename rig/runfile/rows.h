/* Strokes and telemetry as the run file keeps them: rows of fixed size, many in one item. Format: docs/run-file.md.
 * No I/O. */
#ifndef PENRIG_RUNFILE_ROWS_H
#define PENRIG_RUNFILE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/driver/driver.h"
#include "rig/measure/point/point.h"

#define STROKE_BYTES       49 /* number, phase, five doubles */
#define STROKES_PER_ITEM   1024
#define TELEMETRY_BYTES    53 /* host_ns, five doubles, condition, running */
#define TELEMETRY_PER_ITEM 64

void stroke_to_row(const struct stroke *stroke, uint8_t ret[STROKE_BYTES]);
/* False where the row names a phase that does not exist; `ret` is undefined then. */
bool stroke_from_row(const uint8_t row[STROKE_BYTES], struct stroke *ret);

void telemetry_to_row(const struct pen_telemetry *telemetry, uint8_t ret[TELEMETRY_BYTES]);
void telemetry_from_row(const uint8_t row[TELEMETRY_BYTES], struct pen_telemetry *ret);

#endif

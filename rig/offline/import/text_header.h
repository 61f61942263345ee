/* What stands above a text's body: names and units of its columns, and the rate. Pure. */
#ifndef PENRIG_OFFLINE_IMPORT_TEXT_HEADER_H
#define PENRIG_OFFLINE_IMPORT_TEXT_HEADER_H

#include "rig/offline/import/text_dialect.h"

/* Fills columns, names, units, scales of 1, rate_hz, rate_from, time_column, its unit and resolution. `lines` were looked
 * at; what stands from dialect->body on is the body. */
void text_header_read(const struct text_line *line, unsigned lines, const struct text_dialect *dialect,
		      struct recording_layout *layout);

#endif

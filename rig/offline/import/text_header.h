/* What stands above a text's body: names and units of its columns, and the rate. Pure. */
#ifndef PENRIG_OFFLINE_IMPORT_TEXT_HEADER_H
#define PENRIG_OFFLINE_IMPORT_TEXT_HEADER_H

#include "rig/offline/import/text_dialect.h"

/* Fills columns, names, units, scales of 1, rate_hz, rate_from, time_column, its unit and resolution. `lines` were looked
 * at; what stands from dialect->body on is the body. */
void text_header_read(const struct text_line *line, unsigned lines, const struct text_dialect *dialect,
		      struct recording_layout *layout);

/* Of a file that is no text: the unit that stands in a column's name ("force_N", "Force [N]"); another one than it has is its second. */
void text_header_name(struct recording_column *column);
/* The first column of 8 bytes that holds the times of its rows, by its unit or name, is the layout's time_column, with its unit; where one is
 * known already, or none does, nothing is done. `width`: bytes of the column's values. */
void text_header_time(struct recording_layout *layout, unsigned column, unsigned width);

#endif

/* The rows of reader_table, for table.c and each row's own file. */
#ifndef PENRIG_OFFLINE_IMPORT_READERS_H
#define PENRIG_OFFLINE_IMPORT_READERS_H

#include "rig/offline/import/reader.h"

extern const struct recording_reader reader_wav, reader_npy, reader_hdf5;
extern const struct recording_reader
	reader_refused; /* of kinds that are known, and not read: --format names none of them */
extern const struct recording_reader reader_i16, reader_i32; /* raw.c */
extern const struct recording_reader reader_csv;             /* text.c */

#endif

/* Every kind of recording that an import reads, in the order in which they are asked whether a file is theirs: signatures
 * before forms, so that text comes last. */
#include "rig/offline/import/reader.h"
#include "rig/offline/import/readers.h"

const struct recording_reader *const reader_table[] = {
	&reader_refused, &reader_wav, &reader_npy, &reader_hdf5, &reader_i16, &reader_i32, &reader_csv, NULL,
};

/* Kinds of files that people try, and that are not read: recognised by their signature and refused by name, with what to
 * do instead. As text or raw numbers any of them would be read into something. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/disk.h"
#include "rig/offline/import/readers.h"

#define HEAD               4096 /* all that a row looks at */

#define FROM_A_SPREADSHEET "save the sheet as CSV (File, Save as), with every digit shown, and import that"
#define UNPACK             "unpack it, and import what is in it"
#define NO_RECORDING       "import the logger's own numbers: CSV, WAV, NPY or HDF5"

struct refusal_row {
	const char *signature;
	size_t size, at;
	const char *also; /* that its first HEAD bytes hold, too; NULL: nothing else */
	const char *name, *remedy;
};

#define SIGNATURE(text) .signature = (text), .size = sizeof(text) - 1

/* Of a kind within another the inner one comes first. */
static const struct refusal_row rows[] = {
	{SIGNATURE("TDSm"), .name = "a TDMS file (LabVIEW, DIAdem, FlexLogger)",
	 .remedy =
		 "export it as CSV or HDF5 in the program that wrote it, or with nptdms: tdmsinfo lists its channels, "
		 "TdmsFile(...).as_hdf(...) writes HDF5"},
	{SIGNATURE("TDSh"), .name = "the index of a TDMS file (.tdms_index)",
	 .remedy = "take the .tdms beside it, and export that as CSV or HDF5"},
	{SIGNATURE("MATLAB 5.0 MAT-file"), .name = "a MAT file (MATLAB, version 5 to 7)",
	 .remedy = "in MATLAB: writematrix(x, 'x.csv'), or h5create and h5write; in Python: scipy.io.loadmat, then "
		   "numpy.save"},
	{SIGNATURE("MATLAB 7.3 MAT-file"), .name = "a MAT file (MATLAB, version 7.3)",
	 .remedy =
		 "in MATLAB: writematrix(x, 'x.csv'), or h5create and h5write; in Python: h5py.File, then numpy.save"},
	{SIGNATURE("PK\x03\x04"), .also = "application/vnd.oasis.opendocument.spreadsheet",
	 .name = "a spreadsheet (ODS)", .remedy = FROM_A_SPREADSHEET},
	{SIGNATURE("PK\x03\x04"), .also = "[Content_Types].xml", .name = "a spreadsheet or document (XLSX)",
	 .remedy = FROM_A_SPREADSHEET},
	{SIGNATURE("PK\x03\x04"), .also = "xl/", .name = "a spreadsheet (XLSX)", .remedy = FROM_A_SPREADSHEET},
	{SIGNATURE("PK\x03\x04"), .also = ".npy", .name = "several arrays in one file (NPZ)",
	 .remedy = "unzip it, and import the .npy in it that holds the force"},
	{SIGNATURE("PK\x03\x04"), .name = "a ZIP archive", .remedy = UNPACK},
	{SIGNATURE("PK\x05\x06"), .name = "an empty ZIP archive", .remedy = NO_RECORDING},
	{SIGNATURE("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), .name = "an old spreadsheet or document (XLS, DOC)",
	 .remedy = FROM_A_SPREADSHEET},
	{SIGNATURE("\x1F\x8B\x08"), .name = "compressed with gzip",
	 .remedy = "unpack it with gunzip, and import what is in it"},
	{SIGNATURE("\x28\xB5\x2F\xFD"), .name = "compressed with zstd",
	 .remedy = "unpack it with unzstd, and import what is in it"},
	{SIGNATURE("\xFD"
		   "7zXZ"),
	 .name = "compressed with xz", .remedy = "unpack it with unxz, and import what is in it"},
	{SIGNATURE("BZh"), .also = "1AY&SY", .name = "compressed with bzip2",
	 .remedy = "unpack it with bunzip2, and import what is in it"},
	{SIGNATURE("7z\xBC\xAF\x27\x1C"), .name = "a 7-Zip archive", .remedy = UNPACK},
	{SIGNATURE("PRIG"), .at = 68, .also = "SQLite format 3", .name = "a run file of penrig's own",
	 .remedy = "penrig analyze derives it again, penrig export writes its samples"},
	{SIGNATURE("SQLite format 3"), .name = "an SQLite database",
	 .remedy = "write the table out: sqlite3 -csv -header FILE 'select ...'"},
	{SIGNATURE("%PDF-"), .name = "a PDF", .remedy = NO_RECORDING},
	{SIGNATURE("RIFX"), .name = "a big-endian WAV", .remedy = "convert it: sox FILE out.wav"},
	{SIGNATURE("FORM"), .also = "AIF", .name = "a sound file (AIFF)", .remedy = "convert it: sox FILE out.wav"},
	{SIGNATURE("fLaC"), .name = "a sound file (FLAC)", .remedy = "convert it: flac -d FILE"},
	{SIGNATURE("OggS"), .name = "a sound file (Ogg)",
	 .remedy = "compression of sound changes a signal: record it again as WAV"},
	{SIGNATURE("ID3"), .name = "a sound file (MP3)",
	 .remedy = "compression of sound changes a signal: record it again as WAV"},
	{SIGNATURE("PAR1"), .name = "a Parquet file",
	 .remedy = "write it as CSV or NPY: pandas.read_parquet(FILE).to_csv(...)"},
	{SIGNATURE("ARROW1"), .name = "an Arrow or Feather file",
	 .remedy = "write it as CSV or NPY: pandas.read_feather(FILE).to_csv(...)"},
	{SIGNATURE("CDF\x01"), .name = "a netCDF file", .remedy = "convert it to HDF5: nccopy -k nc4 FILE out.h5"},
	{SIGNATURE("CDF\x02"), .name = "a netCDF file", .remedy = "convert it to HDF5: nccopy -k nc4 FILE out.h5"},
	{SIGNATURE("\x89PNG"), .name = "a picture (PNG)", .remedy = NO_RECORDING},
	{SIGNATURE("\xFF\xD8\xFF"), .name = "a picture (JPEG)", .remedy = NO_RECORDING},
};

static bool fits(const struct refusal_row *row, const uint8_t *head, size_t n)
{
	if (n < row->at + row->size || memcmp(head + row->at, row->signature, row->size) != 0)
		return false;
	return !row->also || memmem(head, n < HEAD ? n : HEAD, row->also, strlen(row->also));
}

static const struct refusal_row *row_of(const uint8_t *head, size_t n)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (fits(&rows[i], head, n))
			return &rows[i];
	return NULL;
}

static bool refused_recognise(const uint8_t *head, size_t n, const char *path)
{
	(void)path;
	return row_of(head, n) != NULL;
}

static int refused_open(const char *path, const struct recording_wish *wish, struct recording **ret,
			struct recording_layout *layout, struct err *err)
{
	uint8_t head[HEAD];
	FILE *in = fopen(path, "re");
	(void)wish;
	(void)ret;
	(void)layout;
	if (!in)
		return err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
	const struct refusal_row *row = row_of(head, fread(head, 1, sizeof(head), in));
	fclose(in);
	if (!row)
		return err_set(err, -EINVAL, "%.300s is no kind of recording that is read: %s", path, NO_RECORDING);
	return err_set(err, -EINVAL, "%.300s is %s, which is not read: %s", path, row->name, row->remedy);
}

static int refused_next(struct recording *recording, struct recording_rows *rows_, struct err *err)
{
	(void)recording;
	(void)rows_;
	return err_set(err, -EINVAL, "nothing was opened");
}

static void refused_close(struct recording *recording)
{
	(void)recording;
}

const struct recording_reader reader_refused = {
	.name = "",
	.what = "",
	.recognise = refused_recognise,
	.open = refused_open,
	.next = refused_next,
	.close = refused_close,
};

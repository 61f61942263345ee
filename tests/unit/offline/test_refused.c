/* Kinds that are known and not read: each is named, with what to do instead; nothing else is taken for one of them. */
#include "tests/unit/offline/recordings.h"

static void hear_signature(const char *bytes, size_t n)
{
	made.n = 0;
	add(bytes, n);
	add("0123456789", 10);
	assert_true(reader_refused.recognise(made.bytes, made.n, "force.csv"));
	hear(&reader_refused, made.n, 0, false);
}

static void make_zip(const char *name, const char *contents)
{
	made.n = 0;
	add("PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00", 14);
	for (unsigned i = 0; i < 3; i++)
		add_number(strlen(contents), 4);
	add_number(strlen(name), 2);
	add_number(0, 2);
	add_text(name);
	add_text(contents);
}

static void test_each_kind_is_named_with_its_remedy(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *name, *remedy;
	} kinds[] = {
#define KIND(bytes, name, remedy) {bytes, sizeof(bytes) - 1, name, remedy}
		KIND("TDSm\x0E\x00\x00\x00", "TDMS", "export it as CSV or HDF5"),
		KIND("TDSh", "index of a TDMS", ".tdms beside it"),
		KIND("MATLAB 5.0 MAT-file, Platform: GLNXA64", "version 5", "writematrix"),
		KIND("MATLAB 7.3 MAT-file, Platform: GLNXA64", "version 7.3", "h5create"),
		KIND("PK\x03\x04\x14\x00", "ZIP", "unpack it"),
		KIND("PK\x05\x06", "empty ZIP", "import the logger's own"),
		KIND("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "XLS", "save the sheet as CSV"),
		KIND("\x1F\x8B\x08", "gzip", "gunzip"),
		KIND("\x28\xB5\x2F\xFD", "zstd", "unzstd"),
		KIND("\xFD"
		     "7zXZ\x00",
		     "xz", "unxz"),
		KIND("BZh91AY&SY", "bzip2", "bunzip2"),
		KIND("SQLite format 3\x00", "SQLite database", "sqlite3 -csv"),
		KIND("%PDF-1.7", "PDF", "import the logger's own"),
		KIND("RIFX....WAVE", "big-endian WAV", "sox"),
		KIND("FORM....AIFF", "AIFF", "sox"),
		KIND("fLaC", "FLAC", "flac -d"),
		KIND("PAR1", "Parquet", "read_parquet"),
		KIND("CDF\x01", "netCDF", "nccopy"),
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		hear_signature(kinds[i].bytes, kinds[i].n);
		assert_refused(kinds[i].name);
		assert_refused(kinds[i].remedy);
	}
}

static void test_what_is_in_a_zip(void **state)
{
	static const struct {
		const char *name, *contents, *said;
	} zips[] = {
		{"mimetype", "application/vnd.oasis.opendocument.spreadsheet", "ODS"},
		{"[Content_Types].xml", "<xml/>", "XLSX"},
		{"xl/workbook.xml", "<xml/>", "XLSX"},
		{"force.npy", "\x93NUMPY", "NPZ"},
		{"force.csv", "1,2,3", "a ZIP archive"},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(zips) / sizeof(zips[0]); i++) {
		make_zip(zips[i].name, zips[i].contents);
		assert_true(reader_refused.recognise(made.bytes, made.n, "x"));
		hear(&reader_refused, made.n, 0, false);
		assert_refused(zips[i].said);
	}
}

static void test_a_run_file_of_penrigs_own(void **state)
{
	(void)state;
	made.n = 0;
	add("SQLite format 3", 16);
	for (unsigned i = 16; i < 68; i++)
		add_number(0, 1);
	add_text("PRIG");
	hear(&reader_refused, made.n, 0, false);
	assert_refused("penrig analyze");
	hear(&reader_refused, made.n - 1, 0, false);
	assert_refused("SQLite database");
}

static void test_nothing_else(void **state)
{
	static const char *const others[] = {"",          "1.0\n2.0\n", "BZh;N\n", "\x1F\x8B\x01", "RIFF....WAVE",
					     "\x93NUMPY", "FORMAT;1\n", "P",       "time;force\n", "\x89HDF\r\n\x1A\n"};
	(void)state;
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(reader_refused.recognise((const uint8_t *)others[i], strlen(others[i]), "x.tdms"));
	made.n = 0;
	add("TDSm", 4);
	for (size_t n = 0; n < 4; n++)
		assert_false(reader_refused.recognise(made.bytes, n, "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_is_named_with_its_remedy),
		cmocka_unit_test(test_what_is_in_a_zip),
		cmocka_unit_test(test_a_run_file_of_penrigs_own),
		cmocka_unit_test(test_nothing_else),
	};
	return cmocka_run_group_tests(tests, make_path, remove_path);
}

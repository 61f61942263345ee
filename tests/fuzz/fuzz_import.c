/* Files of any kind, whatever they hold: no reader of the table crashes, reads beyond, or says rows that it has not. The
 * seeds are small files of each form, made here. */
#include <math.h>
#include <unistd.h>

#include "rig/offline/hdf5_library.h"
#include "rig/offline/import/readers.h"
#include "tests/fuzz/standalone.h"

#define ROWS_MAX   20000 /* of a file of 64 KiB */
#define ROOM       256
#define COLUMNS_OK RECORDING_COLUMNS_MAX

static uint64_t rows_read; /* of the file that is run, by the readers that recognise it */

static void check_layout(const struct recording_layout *layout)
{
	FUZZ_CHECK(layout->columns >= 1 && layout->columns <= COLUMNS_OK);
	FUZZ_CHECK(layout->time_column >= -1 && layout->time_column < (int)layout->columns);
	FUZZ_CHECK(isnan(layout->rate_hz) || layout->rate_hz > 0);
	FUZZ_CHECK(memchr(layout->dialect, '\0', sizeof(layout->dialect)));
	FUZZ_CHECK(memchr(layout->rate_from, '\0', sizeof(layout->rate_from)));
	for (unsigned i = 0; i < layout->columns; i++) {
		FUZZ_CHECK(memchr(layout->column[i].name, '\0', sizeof(layout->column[i].name)));
		FUZZ_CHECK(memchr(layout->column[i].unit, '\0', sizeof(layout->column[i].unit)));
	}
}

static void read_all(const struct recording_reader *reader, struct recording *recording, unsigned columns,
		     bool recognised)
{
	static double value[ROOM * COLUMNS_OK];
	struct recording_rows rows = {.value = value, .room = ROOM};
	struct err err = {""};
	uint64_t all = 0;
	int rc;

	while ((rc = reader->next(recording, &rows, &err)) == 1) {
		FUZZ_CHECK(rows.rows > 0 && rows.rows <= ROOM);
		for (unsigned i = 0; i < rows.rows * columns; i += columns)
			FUZZ_CHECK(!isinf(value[i]) || reader != &reader_csv);
		FUZZ_CHECK((all += rows.rows) <= ROWS_MAX * 8);
	}
	rows_read += recognised ? all : 0;
	FUZZ_CHECK(rc == 0 || (rc < 0 && err.text[0]));
}

static void try_reader(const struct recording_reader *reader, const char *path, const struct recording_wish *wish,
		       bool recognised)
{
	struct recording *recording = NULL;
	struct recording_layout layout = {.columns = 0};
	struct err err = {""};
	int rc = reader->open(path, wish, &recording, &layout, &err);

	FUZZ_CHECK(rc == 0 || (rc < 0 && err.text[0] && !recording));
	if (rc < 0)
		return;
	check_layout(&layout);
	read_all(reader, recording, layout.columns, recognised);
	reader->close(recording);
}

/* As an import does: what it holds is asked first, and only then columns are chosen. */
static bool look(const struct recording_reader *reader, const char *path, const struct recording_wish *wish)
{
	struct recording_wish first = *wish;
	struct recording *recording = NULL;
	struct recording_layout layout = {.columns = 0};
	struct err err = {""};

	first.wanted = 0;
	if (reader->open(path, &first, &recording, &layout, &err) < 0)
		return false;
	reader->close(recording);
	return true;
}

static char scratch_path[256];

static void remove_scratch(void)
{
	unlink(scratch_path);
}

/* A file of that content, the same one each time. With a name of its own: libhdf5 opens no other. */
static const char *scratch(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		const char *folder = getenv("TMPDIR");
		snprintf(scratch_path, sizeof(scratch_path), "%s/penrig-fuzz-XXXXXX", folder ? folder : "/tmp");
		fd = mkstemp(scratch_path);
		atexit(remove_scratch);
	}
	FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	return scratch_path;
}

/* The first byte chooses what the command line says; the file is the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char separators[] = {0, ',', ';', '\t', '|', ' ', 0, 0}, decimals[] = {0, '.', ',', 0};
	if (size < 2)
		return 0;
	struct recording_wish wish = {.separator = separators[data[0] & 7],
				      .decimal = decimals[data[0] >> 3 & 3],
				      .gaps = data[0] >> 5 & 1,
				      .wanted = data[0] >> 6 & 1 ? 2 : 0};
	const char *path = scratch(data + 1, size - 1);

	for (const struct recording_reader *const *reader = reader_table; *reader; reader++) {
		size_t head = size - 1 < RECORDING_HEAD ? size - 1 : RECORDING_HEAD;
		bool recognised = (*reader)->recognise(data + 1, head, path);
		if (look(*reader, path, &wish))
			try_reader(*reader, path, &wish, recognised);
	}
	return 0;
}

#ifndef PENRIG_LIBFUZZER

static size_t put(uint8_t *to, size_t at, const char *text)
{
	memcpy(to + at, text, strlen(text));
	return at + strlen(text);
}

/* A head, and the form of its rows: @t stands for a time, @i for an integer, @f for a force. */
struct seed {
	const char *head, *row;
};

static const struct seed seeds[] = {
	{"0t_s,F_N\n", "@t,@f\n"},
	{"0", "@f\r\n"},
	{"0Zeit;Kraft\r\ns;N\r\n", "\"@t\";\"@f\"\r\n"},
	{"0F_dN\n", "3,@i\n"},
	{"0", "@i,@i\n"},
	{"0", "12:00:@i.5 | @f\n"},
	{"0LabVIEW Measurement\t\nDelta_X\t2,0E-4\n***End_of_Header***\nX_Value\tF\tComment\n", "\t@f\n"},
	{"0\"TOA5\",\"a\"\n\"TIMESTAMP\",\"F\"\n\"TS\",\"N\"\n", "\"2026-03-01 12:00:@i\",@f\n"},
	{"0f.acq\n0.2 msec/sample\n2 channels\nsec\tCH1\t\n\t12\t\n", "@t\t@f\t\n"},
	{"0X,CH1,Start,Increment,\nSequence,Volt,-1.2,2.0e-4\n", "@i,@f,\n"},
	{"\x20", "@f\nOVER\n\n#N/A\n"},
	{"0", "1.234.567,@i\n"},
	{"0", "S S @f gf\n"},
};

static size_t put_bytes(uint8_t *to, size_t at, uint64_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		to[at + i] = (uint8_t)(value >> (8 * i));
	return at + width;
}

static size_t put_samples(uint8_t *to, size_t at, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		at = put_bytes(to, at, 600 + i % 40, 2);
	return at;
}

/* Two channels, a chunk that nobody needs, a tail. */
static size_t make_wav(uint8_t *to, uint32_t size)
{
	static const struct {
		uint32_t value;
		unsigned width;
	} format[] = {{16, 4}, {1, 2}, {2, 2}, {5000, 4}, {20000, 4}, {4, 2}, {16, 2}};
	size_t at = put(to, 0, "0RIFF");

	at = put(to, put_bytes(to, at, size, 4), "WAVELIST");
	at = put(to, put_bytes(to, at, 3, 4), "abc");
	at = put(to, put_bytes(to, at, 0, 1), "fmt ");
	for (unsigned i = 0; i < sizeof(format) / sizeof(format[0]); i++)
		at = put_bytes(to, at, format[i].value, format[i].width);
	at = put(to, at, "data");
	at = put_samples(to, put_bytes(to, at, size ? size : 400, 4), 200);
	at = put(to, at, "LIST");
	return put(to, put_bytes(to, at, 4, 4), "tail");
}

static size_t make_npy(uint8_t *to, const char *header)
{
	size_t at = put(to, 0, "0\x93NUMPY");

	at = put_bytes(to, at, 1, 2);
	at = put_bytes(to, at, strlen(header), 2);
	return put_samples(to, put(to, at, header), 120);
}

#ifdef PENRIG_HDF5

static void put_rate(hid_t group, double rate_hz)
{
	hid_t space = h5.H5Screate(H5S_SCALAR);
	hid_t rate = h5.H5Acreate2(group, "rate_hz", *h5.H5T_IEEE_F64LE_g, space, H5P_DEFAULT, H5P_DEFAULT);

	FUZZ_CHECK(rate >= 0 && h5.H5Awrite(rate, *h5.H5T_NATIVE_DOUBLE_g, &rate_hz) >= 0);
	h5.H5Aclose(rate);
	h5.H5Sclose(space);
}

static void put_dataset(hid_t group, const char *name, const double *value, hsize_t rows)
{
	hid_t space = h5.H5Screate_simple(1, &rows, NULL), plist = h5.H5Pcreate(*h5.H5P_CLS_DATASET_CREATE_ID_g);

	FUZZ_CHECK(h5.H5Pset_chunk(plist, 1, &(hsize_t){16}) >= 0);
	hid_t set = h5.H5Dcreate2(group, name, *h5.H5T_IEEE_F64LE_g, space, H5P_DEFAULT, plist, H5P_DEFAULT);
	FUZZ_CHECK(set >= 0 && h5.H5Dwrite(set, *h5.H5T_NATIVE_DOUBLE_g, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
	h5.H5Dclose(set);
	h5.H5Pclose(plist);
	h5.H5Sclose(space);
}

/* A group of two columns, in chunks. */
static size_t make_hdf5(uint8_t *to)
{
	double value[40];
	struct err err;

	FUZZ_CHECK(hdf5_load(&err) == 0);
	hid_t file = h5.H5Fcreate(scratch(to, 0), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	hid_t group = h5.H5Gcreate2(file, "rec", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	FUZZ_CHECK(file >= 0 && group >= 0);
	put_rate(group, 5000);
	for (unsigned i = 0; i < 40; i++)
		value[i] = 0.3 + i % 7 / 100.0;
	put_dataset(group, "F_N", value, 40);
	for (unsigned i = 0; i < 40; i++)
		value[i] = i / 5000.0;
	put_dataset(group, "t_s", value, 40);
	h5.H5Gclose(group);
	h5.H5Fclose(file);
	FILE *made = fopen(scratch_path, "rb");
	FUZZ_CHECK(made);
	size_t n = fread(to + 1, 1, INPUT_MAX - 1, made);
	fclose(made);
	FUZZ_CHECK(n > 0 && n < INPUT_MAX - 1);
	to[0] = '0';
	return 1 + n;
}

#define BINARIES 6

#else

#define BINARIES 5

static size_t make_hdf5(uint8_t *to)
{
	(void)to;
	return 0;
}

#endif

static size_t make_binary(unsigned which, uint8_t *to)
{
	static const char *const headers[] = {
		"{'descr': '<i2', 'fortran_order': False, 'shape': (120,), }\n",
		"{'descr': '>f4', 'fortran_order': True, 'shape': (12, 5), }\n",
		"{'descr': [('t', '<f8'), ('F', '<f4')], 'fortran_order': False, 'shape': (20,), }\n",
	};

	if (which < 2)
		return make_wav(to, which ? UINT32_MAX : 0);
	return which < 5 ? make_npy(to, headers[which - 2]) : make_hdf5(to);
}

#define BINARY_RUNS 200 /* most of it is samples, which a damage does no harm */

static size_t put_value(uint8_t *to, size_t at, char kind, unsigned i)
{
	char text[32];

	if (kind == 't')
		snprintf(text, sizeof(text), "%.4f", i / 5000.0);
	else if (kind == 'i')
		snprintf(text, sizeof(text), "%02u", i);
	else
		snprintf(text, sizeof(text), "%.5f", 0.3 + (i % 7) / 100.0);
	return put(to, at, text);
}

static size_t make(const struct seed *seed, uint8_t *to)
{
	size_t len = put(to, 0, seed->head);

	for (unsigned i = 0; i < 60; i++)
		for (const char *c = seed->row; *c; c++) {
			if (*c == '@')
				len = put_value(to, len, *++c, i);
			else
				to[len++] = (uint8_t)*c;
		}
	return len;
}

/* The same in UTF-16, so that its decoder has its share. */
static size_t widen(const uint8_t *text, size_t len, uint8_t *to)
{
	to[0] = text[0];
	for (size_t i = 1; i < len; i++) {
		to[2 * i - 1] = text[i];
		to[2 * i] = 0;
	}
	return 2 * len - 1;
}

int main(int argc, char **argv)
{
	static uint8_t data[INPUT_MAX], wide[INPUT_MAX];
	uint64_t state = 1;

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	for (unsigned s = 0; argc == 1 && s < BINARIES; s++) {
		size_t len = make_binary(s, data);
		rows_read = 0;
		fuzz_run(data, len);
		FUZZ_CHECK(rows_read > 0); /* else it is no seed */
		for (int i = 0; i < BINARY_RUNS; i++)
			fuzz_damage(data, len, &state);
	}
	for (size_t s = 0; argc == 1 && s < sizeof(seeds) / sizeof(seeds[0]); s++) {
		size_t len = make(&seeds[s], data), wide_len = widen(data, len, wide);
		fuzz_run(data, len);
		fuzz_run(wide, wide_len);
		for (int i = 0; i < DAMAGED_RUNS; i++) {
			fuzz_damage(data, len, &state);
			fuzz_damage(wide, wide_len, &state);
			data[0] = (uint8_t)fuzz_random(&state);
		}
	}
	return 0;
}

#endif

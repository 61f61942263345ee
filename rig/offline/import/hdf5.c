/* HDF5: one dataset of one or two dimensions, or a group of equally long ones, each a column. What penrig exported has its
 * rate and scales as attributes. Only objects of the file itself are looked at, and no data outside it: the digest of a
 * recording must be of what was read. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/offline/hdf5_library.h"
#include "rig/offline/import/beside.h"
#include "rig/offline/import/bytes.h"
#include "rig/offline/import/readers.h"
#include "rig/offline/import/text_header.h"

#define SIGNATURE "\x89HDF\r\n\x1a\n"

static bool hdf5_recognise(const uint8_t *head, size_t n, const char *path)
{
	(void)path;
	for (size_t at = 0; at + 8 <= n; at = at ? 2 * at : 512) /* behind a block of the user's, of any such size */
		if (memcmp(head + at, SIGNATURE, 8) == 0)
			return true;
	return false;
}

#ifdef PENRIG_HDF5

#define PATH_ROOM        256
#define FOUND_MAX        64           /* datasets and groups that an error can list, or a choice be made among */
#define OBJECTS_MAX      4096         /* looked at */
#define DEPTH_MAX        8            /* of groups in groups */
#define CHUNK_MAX        (64u << 20)  /* bytes that libhdf5 unpacks at once */
#define CACHE_MAX        (256u << 20) /* bytes of chunks that are held, of all columns together */
#define CACHE_OF_ITS_OWN (1u << 20)   /* bytes that libhdf5 holds of any dataset */
#define CACHE_SLOTS      521          /* a prime, as libhdf5 wants it; of chunks, of which one at a time is read */
#define PACKED_MAX       2000.0 /* times by which numbers can be packed: deflate ends at 1032, and a force has noise */
#define PIECE            16384  /* rows of a column at once */
#define TIME_LEAST_S     60
#define TIME_BYTES_PER_S 2000000 /* a twentieth of what is read at the slowest */

struct found {
	char path[PATH_ROOM];
	bool group; /* with a rate: its datasets are columns */
	bool force; /* one of them is in newton */
};

struct hdf5 {
	const struct recording_reader *reader;
	char path[FILE_PATH_MAX];
	hid_t file;
	bool own; /* penrig exported it */
	unsigned found, looked_at;
	struct found at[FOUND_MAX];
	/* what is read */
	unsigned datasets; /* 1 of two dimensions, or one for each column */
	hid_t dataset[RECORDING_COLUMNS_MAX];
	struct cell cell[RECORDING_COLUMNS_MAX]; /* of each column, for integers without a sign */
	unsigned dimensions, columns;
	uint64_t rows, row, row_bytes;
	uint64_t cache_bytes; /* of the chunks that are held */
	struct recount recount;
	uint64_t wanted;
	bool gaps;
	double piece[PIECE];
};

/* ---- attributes ---- */

/* The attribute, if it is there and one value of this class; else -1. *ret_type is the caller's to close then. */
static hid_t open_attribute(hid_t object, const char *name, bool text, hid_t *ret_type)
{
	hid_t attribute = h5.H5Aexists(object, name) > 0 ? h5.H5Aopen(object, name, H5P_DEFAULT) : -1;
	if (attribute < 0)
		return -1;
	hid_t type = h5.H5Aget_type(attribute), space = h5.H5Aget_space(attribute);
	H5T_class_t class = h5.H5Tget_class(type);
	bool fits = text ? class == H5T_STRING : class == H5T_FLOAT || class == H5T_INTEGER;
	if (fits && h5.H5Sget_simple_extent_npoints(space) == 1) {
		*ret_type = type;
	} else {
		h5.H5Tclose(type);
		h5.H5Aclose(attribute);
		attribute = -1;
	}
	h5.H5Sclose(space);
	return attribute;
}

static double real_attribute(hid_t object, const char *name)
{
	hid_t type, attribute = open_attribute(object, name, false, &type);
	double value = NAN;
	if (attribute < 0)
		return NAN;
	if (h5.H5Aread(attribute, *h5.H5T_NATIVE_DOUBLE_g, &value) < 0)
		value = NAN;
	h5.H5Tclose(type);
	h5.H5Aclose(attribute);
	return value;
}

static void text_attribute(hid_t object, const char *name, char *ret, size_t size)
{
	char fixed[256] = "", *variable = NULL;
	hid_t type, attribute = open_attribute(object, name, true, &type);
	ret[0] = '\0';
	if (attribute < 0)
		return;
	bool vary = h5.H5Tis_variable_str(type) > 0;
	size_t room = h5.H5Tget_size(type);
	if (vary && h5.H5Aread(attribute, type, &variable) >= 0 && variable)
		snprintf(ret, size, "%s", variable);
	else if (!vary && room < sizeof(fixed) && h5.H5Aread(attribute, type, fixed) >= 0)
		snprintf(ret, size, "%s", fixed);
	if (variable)
		h5.H5free_memory(variable);
	h5.H5Tclose(type);
	h5.H5Aclose(attribute);
}

/* ---- datasets ---- */

static bool describe_cell(hid_t dataset, struct cell *ret)
{
	hid_t type = h5.H5Dget_type(dataset);
	H5T_class_t class = h5.H5Tget_class(type);
	size_t width = h5.H5Tget_size(type);
	bool fits = (class == H5T_INTEGER || class == H5T_FLOAT) && width >= 1 && width <= CELL_BYTES_MAX;
	bool sign = fits && class == H5T_INTEGER && h5.H5Tget_sign(type) != H5T_SGN_NONE;
	h5.H5Tclose(type);
	if (fits)
		*ret = (struct cell){.kind = class == H5T_FLOAT ? CELL_REAL
					     : sign             ? CELL_SIGNED
								: CELL_UNSIGNED,
				     .width = (unsigned)width};
	return fits;
}

/* Dimensions, 0 where it is no table of numbers. */
static unsigned describe_shape(hid_t dataset, hsize_t shape[2])
{
	struct cell cell;
	hid_t space = h5.H5Dget_space(dataset);
	int dimensions = h5.H5Sget_simple_extent_ndims(space);
	bool fits = describe_cell(dataset, &cell) && dimensions >= 1 && dimensions <= 2;
	shape[0] = 0;
	shape[1] = 1;
	if (fits)
		h5.H5Sget_simple_extent_dims(space, shape, NULL);
	h5.H5Sclose(space);
	return fits && shape[1] >= 1 && shape[1] <= RECORDING_COLUMNS_MAX ? (unsigned)dimensions : 0;
}

/* Bytes of a chunk as it is unpacked; 0: the dataset is not stored in chunks. */
static uint64_t chunk_bytes(const hsize_t chunk[2], const struct cell *cell)
{
	if (chunk[0] > CHUNK_MAX || chunk[1] > CHUNK_MAX)
		return UINT64_MAX;
	return chunk[0] * chunk[1] * cell->width;
}

/* Of what is stored in one piece: bytes for every number. A damaged size would have others read in their place. */
static bool is_stored(hid_t dataset, const hsize_t shape[2])
{
	H5D_space_status_t status;
	hid_t type = h5.H5Dget_type(dataset);
	double bytes = (double)shape[0] * (double)shape[1] * (double)h5.H5Tget_size(type);

	h5.H5Tclose(type);
	return h5.H5Dget_space_status(dataset, &status) >= 0 && status == H5D_SPACE_STATUS_ALLOCATED &&
	       (double)h5.H5Dget_storage_size(dataset) == bytes;
}

static bool is_written(hid_t dataset, const hsize_t shape[2], const hsize_t chunk[2])
{
	hsize_t held = 0;

	if (shape[0] == 0)
		return true;
	if (chunk[0] == 0)
		return is_stored(dataset, shape);
	hid_t space = h5.H5Dget_space(dataset);
	hsize_t wanted = ((shape[0] - 1) / chunk[0] + 1) * ((shape[1] - 1) / chunk[1] + 1);
	bool whole = h5.H5Dget_num_chunks(dataset, space, &held) >= 0 && held >= wanted;
	h5.H5Sclose(space);
	return whole;
}

/* What was never written reads as zeros, and no sensor said those. */
static int check_written(const struct hdf5 *f, hid_t dataset, const hsize_t shape[2], const hsize_t chunk[2],
			 const char *name, struct err *err)
{
	if (is_written(dataset, shape, chunk))
		return 0;
	return err_set(
		err, -EINVAL,
		"%.200s: of the %llu rows of \"%.150s\" not all were ever written: the recording ended before, or "
		"is still going on; cut it to those that were (in Python: out[name] = in[name][:rows])",
		f->path, (unsigned long long)shape[0], name);
}

/* ret_chunk: rows and columns of one, 0 where the dataset is not stored in chunks. */
static int check_storage(const struct hdf5 *f, hid_t dataset, const struct cell *cell, hsize_t ret_chunk[2],
			 const char *name, struct err *err)
{
	hid_t how = h5.H5Dget_create_plist(dataset);
	H5D_layout_t layout = h5.H5Pget_layout(how);
	bool outside = layout == H5D_VIRTUAL || h5.H5Pget_external_count(how) > 0;

	ret_chunk[0] = 0;
	ret_chunk[1] = 1;
	if (layout == H5D_CHUNKED)
		(void)h5.H5Pget_chunk(how, 2, ret_chunk);
	h5.H5Pclose(how);
	if (outside)
		return err_set(err, -EINVAL,
			       "%.200s: the numbers of \"%.200s\" are in another file: copy them into one (h5repack)",
			       f->path, name);
	uint64_t bytes = chunk_bytes(ret_chunk, cell);
	if (bytes > CHUNK_MAX || bytes > CACHE_MAX - f->cache_bytes)
		return err_set(err, -EINVAL,
			       "%.200s: \"%.200s\" is stored in chunks of more than 64 MB, or the columns together in "
			       "such of more than 256 MB: give them smaller ones (h5repack -l CHUNK=16384)",
			       f->path, name);
	return 0;
}

/* A chunk is read piece by piece, and is to be unpacked once: libhdf5 keeps none that is larger than its cache, of 1 MB. */
static hid_t open_cached(hid_t folder, const char *name, uint64_t bytes)
{
	hid_t how = h5.H5Pcreate(*h5.H5P_CLS_DATASET_ACCESS_ID_g), dataset;

	(void)h5.H5Pset_chunk_cache(how, CACHE_SLOTS, (size_t)bytes, 1.0);
	dataset = h5.H5Dopen2(folder, name, how);
	h5.H5Pclose(how);
	return dataset;
}

/* Of the file as a whole: a few bytes that unpack to terabytes are no recording, and would be read for days. */
static int check_size(const struct hdf5 *f, struct err *err)
{
	hsize_t size = 0;

	(void)h5.H5Fget_filesize(f->file, &size);
	if ((double)f->rows * (double)f->row_bytes <= PACKED_MAX * (double)size)
		return 0;
	return err_set(
		err, -EINVAL,
		"%.200s has %llu bytes and says that it holds %llu rows of %llu: no signal is packed like that; it "
		"is damaged, or made to keep a program busy (h5repack -f NONE unpacks it)",
		f->path, (unsigned long long)size, (unsigned long long)f->rows, (unsigned long long)f->row_bytes);
}

/* ---- what there is ---- */

static bool child(const struct hdf5 *f, hid_t group, hsize_t i, char ret[PATH_ROOM], H5G_obj_t *ret_type)
{
	(void)f;
	ssize_t n = h5.H5Gget_objname_by_idx(group, i, ret, PATH_ROOM);
	*ret_type = h5.H5Gget_objtype_by_idx(group, i);
	return n > 0 && n < PATH_ROOM;
}

static bool join(char ret[PATH_ROOM], const char *folder, const char *name)
{
	return snprintf(ret, PATH_ROOM, "%s%s%s", folder, *folder ? "/" : "", name) < PATH_ROOM;
}

static void note(struct hdf5 *f, const char *path, bool group, bool force)
{
	if (f->found == FOUND_MAX)
		return;
	struct found *found = &f->at[f->found++];
	snprintf(found->path, sizeof(found->path), "%s", path);
	found->group = group;
	found->force = force;
}

static bool has_force(const struct hdf5 *f, hid_t group)
{
	hsize_t n = 0;
	(void)h5.H5Gget_num_objs(group, &n);
	for (hsize_t i = 0; i < n && i < RECORDING_COLUMNS_MAX; i++) {
		char name[PATH_ROOM], unit[16];
		H5G_obj_t type;
		if (!child(f, group, i, name, &type) || type != H5G_DATASET)
			continue;
		hid_t dataset = h5.H5Dopen2(group, name, H5P_DEFAULT);
		text_attribute(dataset, "units", unit, sizeof(unit));
		h5.H5Dclose(dataset);
		if (strcmp(unit, "N") == 0)
			return true;
	}
	return false;
}

static void note_dataset(struct hdf5 *f, hid_t group, const char *name, const char *path)
{
	hsize_t shape[2];
	hid_t dataset = h5.H5Dopen2(group, name, H5P_DEFAULT);
	if (dataset < 0)
		return;
	if (describe_shape(dataset, shape) > 0)
		note(f, path, false, false);
	h5.H5Dclose(dataset);
}

static void survey(struct hdf5 *f, hid_t group, const char *folder, unsigned depth)
{
	hsize_t n = 0;
	(void)h5.H5Gget_num_objs(group, &n);
	for (hsize_t i = 0; i < n && f->looked_at < OBJECTS_MAX; i++, f->looked_at++) {
		char name[PATH_ROOM], path[PATH_ROOM];
		H5G_obj_t type;
		if (!child(f, group, i, name, &type) || !join(path, folder, name))
			continue;
		if (type == H5G_DATASET)
			note_dataset(f, group, name, path);
		hid_t inner = type == H5G_GROUP && depth < DEPTH_MAX ? h5.H5Gopen2(group, name, H5P_DEFAULT) : -1;
		if (inner < 0)
			continue;
		if (real_attribute(inner, "rate_hz") > 0)
			note(f, path, true, has_force(f, inner));
		else
			survey(f, inner, path, depth + 1);
		h5.H5Gclose(inner);
	}
}

/* ---- which is meant ---- */

static void list_found(const struct hdf5 *f, char *ret, size_t size)
{
	size_t n = 0;
	ret[0] = '\0';
	for (unsigned i = 0; i < f->found && n + 8 < size; i++)
		n += (size_t)snprintf(ret + n, size - n, "%s%s", i ? ", " : "", f->at[i].path);
	if (n + 8 >= size)
		snprintf(ret + size - 8, 8, ", ...");
}

/* What has a rate goes before what has none; of several, the one with a force. */
static const struct found *only_one(const struct hdf5 *f)
{
	const struct found *only[3] = {NULL};
	unsigned count[3] = {0};
	for (unsigned i = 0; i < f->found; i++) {
		const struct found *at = &f->at[i];
		const bool is[3] = {at->group && at->force, at->group, true};
		for (unsigned k = 0; k < 3; k++) {
			only[k] = is[k] ? at : only[k];
			count[k] += is[k];
		}
	}
	unsigned k = count[0] ? 0 : count[1] ? 1 : 2;
	return count[k] == 1 ? only[k] : NULL;
}

static int choose(const struct hdf5 *f, const char *wanted, char ret[PATH_ROOM], struct err *err)
{
	char list[300];
	const struct found *found = wanted ? NULL : only_one(f);
	const char *name = found ? found->path : wanted;
	list_found(f, list, sizeof(list));
	if (!f->found)
		return err_set(err, -EINVAL, "%.300s holds no dataset of numbers in one or two dimensions", f->path);
	if (!name)
		return err_set(err, -EINVAL, "%.150s holds several: say --dataset NAME, of %.300s", f->path, list);
	snprintf(ret, PATH_ROOM, "%s", name + (name[0] == '/'));
	return 0;
}

/* Each part of the path must be an object of this file: links lead anywhere. Ends with that of the last part. */
static H5G_obj_t type_of(const struct hdf5 *f, const char *path)
{
	char part[PATH_ROOM], folder[PATH_ROOM] = "/", name[PATH_ROOM];
	H5G_obj_t type = H5G_GROUP, is;
	for (size_t at = 0, n; type == H5G_GROUP && path[at]; at += n + (path[at + n] == '/')) {
		n = strcspn(path + at, "/");
		snprintf(part, sizeof(part), "%.*s", (int)n, path + at);
		hid_t group = h5.H5Gopen2(f->file, folder, H5P_DEFAULT);
		hsize_t count = 0;
		type = H5G_UNKNOWN;
		(void)h5.H5Gget_num_objs(group, &count);
		for (hsize_t i = 0; i < count && i < OBJECTS_MAX; i++)
			if (child(f, group, i, name, &is) && strcmp(name, part) == 0)
				type = is;
		h5.H5Gclose(group);
		snprintf(folder, sizeof(folder), "/%.*s", (int)(at + n), path);
	}
	return type;
}

/* ---- opening ---- */

static void add_columns(struct hdf5 *f, hid_t dataset, const struct cell *cell, unsigned columns, const char *name,
			struct recording_layout *layout)
{
	for (unsigned end = f->columns + columns; f->columns < end; f->columns++) {
		struct recording_column *c = &layout->column[f->columns];

		f->cell[f->columns] = *cell;
		f->row_bytes += cell->width;
		cell_describe(cell, c);
		if (f->dimensions == 1)
			snprintf(c->name, sizeof(c->name), "%s", name);
		text_attribute(dataset, "units", c->unit, sizeof(c->unit));
		if (!c->unit[0])
			text_attribute(dataset, "unit", c->unit, sizeof(c->unit));
		text_header_name(c);
	}
}

/* What is read, and in what pieces, if it can be. *dataset is opened again where its chunks want another cache. */
static int add_dataset(struct hdf5 *f, hid_t folder, hid_t *dataset, const char *name, struct recording_layout *layout,
		       struct err *err)
{
	hsize_t shape[2];
	struct cell cell;
	hsize_t chunk[2];
	unsigned dimensions = describe_shape(*dataset, shape), columns = (unsigned)shape[1];
	if (!dimensions || !describe_cell(*dataset, &cell) || (f->datasets && (dimensions != 1 || shape[0] != f->rows)))
		return err_set(err, -EINVAL,
			       "%.200s: \"%.200s\" is no column of numbers as long as the others: name one dataset by "
			       "--dataset",
			       f->path, name);
	if (f->columns + columns > RECORDING_COLUMNS_MAX)
		return err_set(err, -EINVAL,
			       "%.200s: \"%.200s\" is column 65; 64 are read: name one dataset by --dataset", f->path,
			       name);
	int rc = check_storage(f, *dataset, &cell, chunk, name, err);
	if (!rc)
		rc = check_written(f, *dataset, shape, chunk, name, err);
	if (rc)
		return rc;
	if (chunk_bytes(chunk, &cell) > CACHE_OF_ITS_OWN) {
		h5.H5Dclose(*dataset);
		*dataset = open_cached(folder, name, chunk_bytes(chunk, &cell));
		f->cache_bytes += chunk_bytes(chunk, &cell);
	}
	f->dataset[f->datasets++] = *dataset;
	f->dimensions = dimensions;
	f->rows = shape[0];
	add_columns(f, *dataset, &cell, columns, name, layout);
	return 0;
}

/* A column of penrig's export that was counts. */
static void take_scale(struct hdf5 *f, struct recording_layout *layout)
{
	hid_t dataset = f->dataset[f->datasets - 1];
	double scale = real_attribute(dataset, "scale"), offset = real_attribute(dataset, "offset");
	double bits = real_attribute(dataset, "bits");
	if (f->own && f->dimensions == 1 && isfinite(scale) && scale != 0 && isfinite(offset))
		recount_column(&f->recount, layout, f->columns - 1, scale, offset,
			       bits >= 8 && bits <= 32 ? (unsigned)bits : 32);
}

static int open_dataset(struct hdf5 *f, hid_t folder, const char *name, struct recording_layout *layout,
			struct err *err)
{
	hid_t dataset = h5.H5Dopen2(folder, name, H5P_DEFAULT);
	if (dataset < 0)
		return err_set(err, -EINVAL, "%.200s: \"%.200s\" cannot be opened: the file is damaged", f->path, name);
	unsigned before = f->datasets;
	int rc = add_dataset(f, folder, &dataset, name, layout, err);
	if (f->datasets == before)
		h5.H5Dclose(dataset);
	else
		take_scale(f, layout);
	return rc;
}

static int open_group(struct hdf5 *f, const char *path, struct recording_layout *layout, struct err *err)
{
	hsize_t n = 0;
	int rc = 0;
	hid_t group = h5.H5Gopen2(f->file, path, H5P_DEFAULT);
	(void)h5.H5Gget_num_objs(group, &n);
	for (hsize_t i = 0; !rc && i < n; i++) {
		char name[PATH_ROOM];
		H5G_obj_t type;
		if (child(f, group, i, name, &type) && type == H5G_DATASET)
			rc = open_dataset(f, group, name, layout, err);
	}
	layout->rate_hz = real_attribute(group, "rate_hz");
	h5.H5Gclose(group);
	if (!rc && !f->columns)
		return err_set(err, -EINVAL, "%.200s: the group \"%.200s\" holds no dataset of numbers", f->path, path);
	return rc;
}

static void finish_layout(const struct hdf5 *f, struct recording_layout *layout)
{
	layout->columns = f->columns;
	layout->rows = f->rows;
	for (unsigned i = 0; i < f->columns; i++)
		text_header_time(layout, i, f->cell[i].width);
}

static int open_chosen(struct hdf5 *f, const char *wanted, struct recording_layout *layout, struct err *err)
{
	char path[PATH_ROOM], list[300];
	*layout = (struct recording_layout){.rate_hz = NAN, .time_column = -1, .time_unit_s = 1};
	int rc = choose(f, wanted, path, err);
	if (rc)
		return rc;
	H5G_obj_t type = type_of(f, path);
	list_found(f, list, sizeof(list));
	if (type != H5G_GROUP && type != H5G_DATASET)
		return err_set(err, -EINVAL, "--dataset %.100s: %.100s has none of that name, but %.300s", path,
			       f->path, list);
	rc = type == H5G_GROUP ? open_group(f, path, layout, err) : open_dataset(f, f->file, path, layout, err);
	if (!rc && type == H5G_DATASET)
		layout->rate_hz = real_attribute(f->dataset[0], "rate_hz");
	if (!rc)
		rc = check_size(f, err);
	if (!rc)
		finish_layout(f, layout);
	return rc;
}

static void hdf5_close(struct recording *recording)
{
	struct hdf5 *f = (struct hdf5 *)recording;
	if (!f)
		return;
	for (unsigned i = 0; i < f->datasets; i++)
		h5.H5Dclose(f->dataset[i]);
	if (f->file >= 0)
		h5.H5Fclose(f->file);
	free(f);
}

static int open_it(struct hdf5 *f, const struct recording_wish *wish, struct recording_layout *layout, struct err *err)
{
	f->own = h5.H5Aexists(f->file, "penrig") > 0;
	survey(f, f->file, "", 0);
	return open_chosen(f, wish->dataset, layout, err);
}

/* All that an import does with it, whatever comes of it. */
static void read_through(struct hdf5 *f, const struct recording_wish *wish)
{
	static double value[RECORDING_COLUMNS_MAX * PIECE];
	struct recording_layout layout;
	struct recording_rows rows = {.value = value, .room = RECORDING_COLUMNS_MAX * PIECE};
	struct err err;

	if (open_it(f, wish, &layout, &err) == 0)
		while (reader_hdf5.next((struct recording *)f, &rows, &err) > 0)
			;
}

/* So much time of a core that no file takes that is read at all; a damaged one may keep libhdf5 going for ever. */
static rlim_t time_for(const char *path)
{
	struct stat file = {.st_size = 0};

	(void)stat(path, &file);
	return TIME_LEAST_S + (rlim_t)file.st_size / TIME_BYTES_PER_S;
}

static void read_as_child(struct hdf5 *f, const struct recording_wish *wish, pid_t parent)
{
	static const int deaths[] = {SIGFPE, SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGXCPU};
	const struct rlimit limit = {time_for(f->path), time_for(f->path)};

	for (unsigned i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++)
		signal(deaths[i], SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CPU, &limit);
	if (getppid() == parent)
		read_through(f, wish);
}

/* libhdf5 dies of some damaged files: of a chunk without rows by a division. So a child reads a file first; one that did not
 * come through it, for whatever reason, leaves it unread. */
static int survives(struct hdf5 *f, const struct recording_wish *wish, struct err *err)
{
	int status = 0;
	const pid_t parent = getpid(), child = fork();

	if (child < 0)
		return err_set(err, -errno, "%.300s cannot be read: no process: %s", f->path, strerror(errno));
	if (child == 0) {
		read_as_child(f, wish, parent);
		_exit(0); /* lint: the child alone */
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, -EINVAL, "%.300s cannot be read: libhdf5 dies of it (%s): it is damaged", f->path,
		       WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it read beyond its memory");
}

static int hdf5_open(const char *path, const struct recording_wish *wish, struct recording **ret,
		     struct recording_layout *layout, struct err *err)
{
	int rc = hdf5_load(err);
	struct hdf5 *f = rc ? NULL : calloc(1, sizeof(*f));
	if (rc)
		return rc;
	if (!f)
		return err_set(err, -ENOMEM, "out of memory");
	f->reader = &reader_hdf5;
	f->gaps = wish->gaps;
	f->wanted = wish->wanted;
	snprintf(f->path, sizeof(f->path), "%s", path);
	f->file = h5.H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	if (f->file < 0) {
		rc = err_set(err, -EINVAL,
			     "%.300s cannot be opened as HDF5: it is truncated or damaged, or still being written",
			     path);
	} else {
		rc = wish->wanted ? 0 : survives(f, wish, err); /* the first look at it */
		if (!rc)
			rc = open_it(f, wish, layout, err);
	}
	if (rc)
		hdf5_close((struct recording *)f);
	else
		*ret = (struct recording *)f;
	return rc;
}

/* ---- rows ---- */

static bool read_piece(const struct hdf5 *f, unsigned dataset, hsize_t rows, double *to)
{
	const hsize_t from[2] = {f->row, 0}, count[2] = {rows, f->columns};
	hid_t space = h5.H5Dget_space(f->dataset[dataset]);
	hid_t memory = h5.H5Screate_simple((int)f->dimensions, count, NULL);
	bool good = h5.H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, count, NULL) >= 0 &&
		    h5.H5Dread(f->dataset[dataset], *h5.H5T_NATIVE_DOUBLE_g, memory, space, H5P_DEFAULT, to) >= 0;
	h5.H5Sclose(memory);
	h5.H5Sclose(space);
	return good;
}

static bool read_rows(struct hdf5 *f, const struct recording_rows *rows)
{
	if (f->dimensions == 2)
		return read_piece(f, 0, rows->rows, rows->value);
	for (unsigned i = 0; i < f->columns; i++) {
		if (!read_piece(f, i, rows->rows, f->piece))
			return false;
		for (uint32_t row = 0; row < rows->rows; row++)
			rows->value[(size_t)row * f->columns + i] = f->piece[row];
	}
	return true;
}

/* Integers without a sign as their distance from the middle of their range, as everywhere (bytes.h). */
static void shift_middles(const struct hdf5 *f, const struct recording_rows *rows)
{
	for (unsigned i = 0; i < f->columns; i++) {
		struct recording_column c;
		cell_describe(&f->cell[i], &c);
		for (uint32_t row = 0; c.offset != 0 && row < rows->rows; row++)
			rows->value[(size_t)row * f->columns + i] -= c.offset;
	}
}

static int hdf5_next(struct recording *recording, struct recording_rows *rows, struct err *err)
{
	struct hdf5 *f = (struct hdf5 *)recording;
	uint64_t left = f->rows - f->row, n = rows->room / f->columns;
	n = n < PIECE ? n : PIECE;
	if (left == 0)
		return 0;
	rows->rows = (uint32_t)(n < left ? n : left);
	rows->first_line = f->row + 1;
	if (!read_rows(f, rows))
		return err_set(
			err, -EINVAL,
			"%.300s: rows from %llu on cannot be read: it is truncated or damaged, or compressed in a "
			"way that this libhdf5 does not know (h5repack -f NONE)",
			f->path, (unsigned long long)rows->first_line);
	shift_middles(f, rows);
	f->row += rows->rows;
	int rc = rows_check(f->path, f->columns, f->wanted, f->gaps, rows, err);
	if (!rc)
		rc = recount_rows(&f->recount, f->path, f->columns, rows, err);
	return rc ? rc : 1;
}

#else

static int hdf5_open(const char *path, const struct recording_wish *wish, struct recording **ret,
		     struct recording_layout *layout, struct err *err)
{
	(void)wish;
	(void)ret;
	(void)layout;
	return err_set(err, -ENOTSUP,
		       "%.300s is HDF5, which this build does not read: build penrig with %s (Debian, Ubuntu: apt-get "
		       "install %s), or "
		       "export the recording as CSV",
		       path, HDF5_PACKAGE, HDF5_PACKAGE);
}

static int hdf5_next(struct recording *recording, struct recording_rows *rows, struct err *err)
{
	(void)recording;
	(void)rows;
	return err_set(err, -ENOTSUP, "nothing was opened");
}

static void hdf5_close(struct recording *recording)
{
	(void)recording;
}

#endif

const struct recording_reader reader_hdf5 = {
	.name = "hdf5",
	.what = "HDF5: a dataset of one or two dimensions, or a group of equally long ones",
	.recognise = hdf5_recognise,
	.open = hdf5_open,
	.next = hdf5_next,
	.close = hdf5_close,
};

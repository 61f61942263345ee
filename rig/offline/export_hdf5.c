/* HDF5: one file, a group per table, a dataset per column, units as attributes. Where a build has no libhdf5, the format
 * says which package it lacks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/offline/export_file.h"
#include "rig/offline/hdf5_library.h"

#ifdef PENRIG_HDF5

#define ROWS_HELD 16384

struct hdf5_column {
	hid_t dataset;
	union {
		uint64_t whole[ROWS_HELD];
		double real[ROWS_HELD];
	};
};

struct hdf5_file {
	char path[FILE_PATH_MAX + 8], under_way[EXPORT_PATH_MAX];
	bool bad; /* libhdf5 dies of what it has to write once more: it is not called again */
	hid_t file, group;
	struct export_table table;
	struct hdf5_column *column;
	unsigned held;
	hsize_t rows;
};

/* errno is what the last call of the operating system left: libhdf5 passes it on to nobody. */
static int failed(struct hdf5_file *f, struct err *err)
{
	f->bad = true;
	return export_failed(f->path, errno, err);
}

static void free_file(struct hdf5_file *f)
{
	if (f->bad)
		unlink(f->under_way);
	free(f->column);
	free(f);
}

static bool put_text(hid_t object, const char *name, const char *text)
{
	hid_t type = h5.H5Tcopy(*h5.H5T_C_S1_g), space = h5.H5Screate(H5S_SCALAR);
	h5.H5Tset_size(type, H5T_VARIABLE);
	h5.H5Tset_cset(type, H5T_CSET_UTF8);
	hid_t attribute = h5.H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	bool good = attribute >= 0 && h5.H5Awrite(attribute, type, &text) >= 0;
	h5.H5Aclose(attribute);
	h5.H5Sclose(space);
	h5.H5Tclose(type);
	return good;
}

static bool put_real(hid_t object, const char *name, double value)
{
	hid_t space = h5.H5Screate(H5S_SCALAR);
	hid_t attribute = h5.H5Acreate2(object, name, *h5.H5T_IEEE_F64LE_g, space, H5P_DEFAULT, H5P_DEFAULT);
	bool good = attribute >= 0 && h5.H5Awrite(attribute, *h5.H5T_NATIVE_DOUBLE_g, &value) >= 0;
	h5.H5Aclose(attribute);
	h5.H5Sclose(space);
	return good;
}

static bool put_record(hid_t file, const struct record *r)
{
	return put_text(file, "name", r->name) && put_text(file, "dut", r->dut) &&
	       put_text(file, "started_utc", r->started_utc) && put_text(file, "plan", r->plan_name) &&
	       put_text(file, "bench", r->bench_name) && put_text(file, "penrig", r->software_version) &&
	       put_text(file, "journal_head", r->journal_head) && put_text(file, "imported_from", r->origin.path);
}

static int hdf5_begin(const char *stem, const struct record *record, void **ret, struct err *err)
{
	int loaded = hdf5_load(err);
	if (loaded)
		return loaded;
	struct hdf5_file *f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(err, -ENOMEM, "out of memory");
	snprintf(f->path, sizeof(f->path), "%s.h5", stem);
	export_under_way(f->path, f->under_way);
	f->group = -1;
	errno = 0;
	f->file = h5.H5Fcreate(f->under_way, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	if (f->file < 0 || !put_record(f->file, record)) {
		int rc = failed(f, err);
		free_file(f);
		return rc;
	}
	*ret = f;
	return 0;
}

static hid_t make_dataset(hid_t group, const struct export_column *c)
{
	const hsize_t none = 0, any = H5S_UNLIMITED, chunk = ROWS_HELD;
	hid_t space = h5.H5Screate_simple(1, &none, &any), how = h5.H5Pcreate(*h5.H5P_CLS_DATASET_CREATE_ID_g);
	h5.H5Pset_chunk(how, 1, &chunk);
	hid_t dataset = h5.H5Dcreate2(group, c->name, c->whole ? *h5.H5T_STD_U64LE_g : *h5.H5T_IEEE_F64LE_g, space,
				      H5P_DEFAULT, how, H5P_DEFAULT);
	h5.H5Pclose(how);
	h5.H5Sclose(space);
	bool good = dataset >= 0 && put_text(dataset, "units", c->unit);
	if (good && c->channel)
		good = put_real(dataset, "scale", c->channel->scale) &&
		       put_real(dataset, "offset", c->channel->offset) && put_real(dataset, "bits", c->channel->bits);
	if (!good && dataset >= 0)
		h5.H5Dclose(dataset);
	return good ? dataset : -1;
}

static bool close_table(struct hdf5_file *f)
{
	bool good = true;

	for (unsigned i = 0; good && f->column && i < f->table.columns; i++)
		good = h5.H5Dclose(f->column[i].dataset) >= 0;
	good = good && h5.H5Gclose(f->group) >= 0;
	free(f->column);
	f->column = NULL;
	f->group = -1;
	return good;
}

static int hdf5_open(void *ctx, const struct export_table *table, struct err *err)
{
	struct hdf5_file *f = ctx;
	f->table = *table;
	f->held = 0;
	f->rows = 0;
	f->column = calloc(table->columns, sizeof(*f->column));
	f->group = h5.H5Gcreate2(f->file, table->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	bool good =
		f->column && f->group >= 0 && (table->rate_hz <= 0 || put_real(f->group, "rate_hz", table->rate_hz));
	for (unsigned i = 0; f->column && i < table->columns; i++) {
		f->column[i].dataset = good ? make_dataset(f->group, &table->column[i]) : -1;
		good = f->column[i].dataset >= 0;
	}
	return good ? 0 : failed(f, err);
}

static bool flush_column(const struct hdf5_file *f, unsigned i)
{
	const struct hdf5_column *c = &f->column[i];
	const hsize_t count = f->held, end = f->rows + f->held;
	if (h5.H5Dset_extent(c->dataset, &end) < 0)
		return false;
	hid_t space = h5.H5Dget_space(c->dataset), memory = h5.H5Screate_simple(1, &count, NULL);
	bool whole = f->table.column[i].whole;
	const void *data = whole ? (const void *)c->whole : (const void *)c->real;
	bool good = h5.H5Sselect_hyperslab(space, H5S_SELECT_SET, &f->rows, NULL, &count, NULL) >= 0 &&
		    h5.H5Dwrite(c->dataset, whole ? *h5.H5T_NATIVE_UINT64_g : *h5.H5T_NATIVE_DOUBLE_g, memory, space,
				H5P_DEFAULT, data) >= 0;
	h5.H5Sclose(memory);
	h5.H5Sclose(space);
	return good;
}

static int flush(struct hdf5_file *f, struct err *err)
{
	bool good = true;
	errno = 0;
	for (unsigned i = 0; good && f->held && i < f->table.columns; i++)
		good = flush_column(f, i);
	f->rows += f->held;
	f->held = 0;
	return good ? 0 : failed(f, err);
}

static int hdf5_row(void *ctx, const struct export_value *values, struct err *err)
{
	struct hdf5_file *f = ctx;
	for (unsigned i = 0; i < f->table.columns; i++) {
		if (f->table.column[i].whole)
			f->column[i].whole[f->held] = values[i].whole;
		else
			f->column[i].real[f->held] = values[i].real;
	}
	return ++f->held == ROWS_HELD ? flush(f, err) : 0;
}

static int hdf5_close(void *ctx, struct err *err)
{
	struct hdf5_file *f = ctx;
	int rc = flush(f, err);
	if (!rc && !close_table(f))
		rc = failed(f, err);
	return rc;
}

static int hdf5_end(void *ctx, struct err *err)
{
	struct hdf5_file *f = ctx;
	int rc = 0;
	errno = 0;
	f->bad |= f->group >= 0; /* a table that never came to its end */
	if (!f->bad && (h5.H5Fclose(f->file) < 0 || rename(f->under_way, f->path) != 0))
		rc = failed(f, err);
	free_file(f);
	return rc;
}

const struct export_format export_hdf5 = {
	.id = "hdf5",
	.begin = hdf5_begin,
	.open = hdf5_open,
	.row = hdf5_row,
	.close = hdf5_close,
	.end = hdf5_end,
};

#else

const struct export_format export_hdf5 = {.id = "hdf5", .missing = HDF5_PACKAGE};

#endif

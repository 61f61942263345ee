/* NPY, formats 1.0 to 3.0: arrays of numbers in one or two dimensions, and records of numbers. The header is a literal of
 * Python's; of that language only what numpy writes is understood. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/beside.h"
#include "rig/offline/import/bytes.h"
#include "rig/offline/import/readers.h"
#include "rig/offline/import/text_header.h"

#define MAGIC      "\x93NUMPY"
#define MAGIC_SIZE 6
#define HEADER_MAX 65536 /* a record of 64 columns with long names has some 6000 bytes */

struct npy {
	const struct recording_reader *reader;
	struct bytes bytes;
	struct cells cells;
	struct recount recount;
	uint64_t row;
};

/* What a header says. */
struct header {
	const char *path, *text, *at; /* NUL-terminated; where reading stands */
	struct err *err;
	unsigned fields; /* of a record; 0: all cells are cell[0] */
	struct cell cell[RECORDING_COLUMNS_MAX];
	char name[RECORDING_COLUMNS_MAX][64];
	bool fortran;
	unsigned dimensions;
	uint64_t shape[2];
	bool seen[3];
};

static bool npy_recognise(const uint8_t *head, size_t n, const char *path)
{
	(void)path;
	return n >= MAGIC_SIZE && memcmp(head, MAGIC, MAGIC_SIZE) == 0;
}

/* ---- the header ---- */

static int odd(const struct header *h, const char *what)
{
	return err_set(h->err, -EINVAL, "%.300s: its header, at character %zu: %s", h->path,
		       (size_t)(h->at - h->text) + 1, what);
}

static bool taken(struct header *h, const char *token)
{
	size_t n = strlen(token);
	h->at += strspn(h->at, " ");
	if (strncmp(h->at, token, n) != 0)
		return false;
	h->at += n;
	return true;
}

static int take_string(struct header *h, char *ret, size_t size)
{
	const char quote[2] = {taken(h, "'") ? '\'' : taken(h, "\"") ? '"' : '\0', '\0'};
	size_t n = quote[0] ? strcspn(h->at, quote) : 0;
	if (!quote[0] || h->at[n] != quote[0])
		return odd(h, "there should be a word in quotes");
	if (n >= size || memchr(h->at, '\\', n))
		return odd(h, "this name is too long, or not written plainly");
	memcpy(ret, h->at, n);
	ret[n] = '\0';
	h->at += n + 1;
	return 0;
}

/* "<i2", "|u1", ">f8". */
static int take_type(struct header *h, struct cell *ret)
{
	char type[16] = "";
	int rc = take_string(h, type, sizeof(type));
	if (rc)
		return rc;
	const char *kind = type[0] ? strchr("iuf", type[1]) : NULL;
	unsigned width = type[0] && type[1] ? (unsigned)(type[2] - '0') : 0;
	bool whole = strlen(type) == 3 && kind && *kind && strchr("<>|", type[0]);
	if (!whole || (width != 1 && width != 2 && width != 4 && width != 8) || (*kind == 'f' && width < 4) ||
	    (type[0] == '|' && width != 1))
		return err_set(h->err, -EINVAL,
			       "%.300s holds \"%s\"; numbers i1 to i8, u1 to u8, f4 and f8 are read: save it with "
			       ".astype('<f8')",
			       h->path, type);
	*ret = (struct cell){.kind = *kind == 'i'   ? CELL_SIGNED
				     : *kind == 'u' ? CELL_UNSIGNED
						    : CELL_REAL,
			     .width = width,
			     .big_endian = type[0] == '>'};
	return 0;
}

static int take_fields(struct header *h)
{
	while (!taken(h, "]")) {
		unsigned i = h->fields;
		if (i == RECORDING_COLUMNS_MAX)
			return odd(h, "a record of more than 64 columns: save those that matter");
		if (!taken(h, "("))
			return odd(h, "there should be a pair of name and type");
		int rc = take_string(h, h->name[i], sizeof(h->name[i]));
		if (!rc && !taken(h, ","))
			rc = odd(h, "there should be a comma");
		if (!rc)
			rc = take_type(h, &h->cell[i]);
		if (rc)
			return rc;
		if (!taken(h, ")"))
			return odd(h, "a column of the record must be one number: save it with a column for each");
		h->fields++;
		if (!taken(h, ",") && *h->at != ']')
			return odd(h, "there should be a comma");
	}
	return h->fields ? 0 : odd(h, "a record without columns");
}

static int take_descr(struct header *h)
{
	return taken(h, "[") ? take_fields(h) : take_type(h, &h->cell[0]);
}

static int take_order(struct header *h)
{
	h->fortran = taken(h, "True");
	return h->fortran || taken(h, "False") ? 0 : odd(h, "there should be True or False");
}

static int take_size(struct header *h, uint64_t *ret)
{
	char *end;
	h->at += strspn(h->at, " ");
	errno = 0;
	*ret = *h->at >= '0' && *h->at <= '9' ? strtoull(h->at, &end, 10) : UINT64_MAX;
	if (errno || *ret > INT64_MAX)
		return odd(h, "there should be a size");
	h->at = end;
	return 0;
}

static int take_shape(struct header *h)
{
	if (!taken(h, "("))
		return odd(h, "there should be a shape");
	while (!taken(h, ")")) {
		if (h->dimensions == 2)
			return odd(h, "an array of more than two dimensions: save it as rows x channels");
		int rc = take_size(h, &h->shape[h->dimensions++]);
		if (rc)
			return rc;
		if (!taken(h, ",") && (*h->at != ')' || h->dimensions == 1))
			return odd(h, "there should be a comma");
	}
	return h->dimensions ? 0 : odd(h, "a single number is no recording");
}

static const struct {
	const char *key;
	int (*take)(struct header *h);
} keys[] = {{"descr", take_descr}, {"fortran_order", take_order}, {"shape", take_shape}};

static int take_key(struct header *h)
{
	char key[32] = "";
	int rc = take_string(h, key, sizeof(key));
	if (rc)
		return rc;
	if (!taken(h, ":"))
		return odd(h, "there should be a colon");
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(key, keys[i].key) != 0)
			continue;
		if (h->seen[i])
			return odd(h, "a key that was there before");
		h->seen[i] = true;
		return keys[i].take(h);
	}
	return odd(h, "a key that NPY does not have");
}

static int take_header(struct header *h)
{
	if (!taken(h, "{"))
		return odd(h, "there should be a dictionary");
	while (!taken(h, "}")) {
		int rc = take_key(h);
		if (rc)
			return rc;
		if (!taken(h, ",") && *h->at != '}')
			return odd(h, "there should be a comma");
	}
	h->at += strspn(h->at, " ");
	if (strcmp(h->at, "\n") != 0)
		return odd(h, "it should end here, with a line feed");
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!h->seen[i])
			return err_set(h->err, -EINVAL, "%.300s: its header has no \"%s\": the file is damaged",
				       h->path, keys[i].key);
	return 0;
}

/* ---- the array ---- */

static uint64_t row_bytes(const struct cells *c)
{
	uint64_t bytes = 0;
	for (unsigned i = 0; i < c->columns; i++)
		bytes += c->cell[i].width;
	return bytes;
}

static int take_columns(struct cells *c, const struct header *h)
{
	uint64_t columns = h->fields ? h->fields : h->dimensions == 2 ? h->shape[1] : 1;
	if (h->fields && h->dimensions == 2)
		return err_set(h->err, -EINVAL, "%.300s holds records in two dimensions: save it flat, with .ravel()",
			       h->path);
	if (columns < 1 || columns > RECORDING_COLUMNS_MAX)
		return err_set(h->err, -EINVAL,
			       "%.300s has %llu rows and %llu columns; 1 to 64 columns are read: save it as rows x "
			       "channels (.T "
			       "turns it)",
			       h->path, (unsigned long long)h->shape[0], (unsigned long long)columns);
	c->rows = h->shape[0];
	c->columns = (unsigned)columns;
	for (unsigned i = 0; i < c->columns; i++)
		c->cell[i] = h->cell[h->fields ? i : 0];
	return 0;
}

/* The shape against the file's size, before anything is multiplied by it. */
static int check_size(const struct npy *n, uint64_t data, struct err *err)
{
	uint64_t bytes = row_bytes(&n->cells), rest = n->bytes.size - data;
	if (rest / bytes < n->cells.rows)
		return err_set(err, -EINVAL,
			       "%.300s is truncated: its header says %llu rows, %llu are there; copy it again",
			       n->bytes.path, (unsigned long long)n->cells.rows, (unsigned long long)(rest / bytes));
	if (rest != bytes * n->cells.rows)
		return err_set(err, -EINVAL,
			       "%.300s has bytes behind its %llu rows: it is damaged, or holds several arrays",
			       n->bytes.path, (unsigned long long)n->cells.rows);
	return 0;
}

/* Row by row, or in Fortran's order column by column. */
static void lay_cells(struct cells *c, bool apart, uint64_t data)
{
	uint64_t at = data, bytes = row_bytes(c);
	for (unsigned i = 0; i < c->columns; i++) {
		c->first[i] = at;
		c->stride[i] = apart ? c->cell[i].width : bytes;
		at += apart ? c->rows * c->cell[i].width : c->cell[i].width;
	}
}

static int take_array(struct npy *n, struct header *h, uint64_t data)
{
	int rc = take_header(h);
	if (!rc)
		rc = take_columns(&n->cells, h);
	if (!rc)
		rc = check_size(n, data, h->err);
	if (!rc)
		lay_cells(&n->cells, h->fortran && h->dimensions == 2, data);
	return rc;
}

static int read_text(struct npy *n, char **ret, uint64_t *ret_data, struct err *err)
{
	uint8_t start[12];
	int rc = bytes_at(&n->bytes, 0, start, sizeof(start), err);
	if (rc)
		return rc;
	if (start[6] < 1 || start[6] > 3 || start[7] != 0)
		return err_set(err, -EINVAL, "%.300s is NPY format %u.%u; 1.0, 2.0 and 3.0 are read", n->bytes.path,
			       start[6], start[7]);
	unsigned width = start[6] == 1 ? 2 : 4;
	uint64_t length = bytes_number(start + 8, width, false);
	if (length < 1 || length > HEADER_MAX)
		return err_set(err, -EINVAL, "%.300s: a header of %llu bytes; 1 to %d can be right", n->bytes.path,
			       (unsigned long long)length, HEADER_MAX);
	*ret = calloc(1, (size_t)length + 1);
	if (!*ret)
		return err_set(err, -ENOMEM, "out of memory");
	*ret_data = 8 + width + length;
	rc = bytes_at(&n->bytes, 8 + width, *ret, (size_t)length, err);
	if (!rc && strlen(*ret) != length)
		rc = err_set(err, -EINVAL, "%.300s: a NUL byte in its header: the file is damaged", n->bytes.path);
	return rc;
}

static void npy_layout(const struct npy *n, const struct header *h, struct recording_layout *layout)
{
	*layout = (struct recording_layout){.columns = n->cells.columns,
					    .rate_hz = NAN,
					    .time_column = -1,
					    .time_unit_s = 1,
					    .rows = n->cells.rows};
	for (unsigned i = 0; i < n->cells.columns; i++) {
		cell_describe(&n->cells.cell[i], &layout->column[i]);
		memcpy(layout->column[i].name, h->name[i], sizeof(h->name[i]));
		text_header_name(&layout->column[i]);
		text_header_time(layout, i, n->cells.cell[i].width);
	}
}

static void npy_close(struct recording *recording)
{
	struct npy *n = (struct npy *)recording;
	if (!n)
		return;
	bytes_close(&n->bytes);
	free(n);
}

static int open_array(struct npy *n, const char *path, struct recording_layout *layout, struct err *err)
{
	struct header h = {.path = path, .err = err};
	char *text = NULL;
	uint64_t data = 0;
	int rc = bytes_open(&n->bytes, path, err);
	if (!rc)
		rc = read_text(n, &text, &data, err);
	h.text = h.at = text;
	if (!rc)
		rc = take_array(n, &h, data);
	if (!rc)
		npy_layout(n, &h, layout);
	free(text);
	return rc ? rc : beside_read(path, layout, &n->recount, err);
}

static int npy_open(const char *path, const struct recording_wish *wish, struct recording **ret,
		    struct recording_layout *layout, struct err *err)
{
	struct npy *n = calloc(1, sizeof(*n));
	if (!n)
		return err_set(err, -ENOMEM, "out of memory");
	n->reader = &reader_npy;
	n->cells.gaps = wish->gaps;
	n->cells.wanted = wish->wanted;
	int rc = open_array(n, path, layout, err);
	if (rc)
		npy_close((struct recording *)n);
	else
		*ret = (struct recording *)n;
	return rc;
}

static int npy_next(struct recording *recording, struct recording_rows *rows, struct err *err)
{
	struct npy *n = (struct npy *)recording;
	int rc = cells_read(&n->bytes, &n->cells, &n->row, rows, err);
	if (rc > 0 && recount_rows(&n->recount, n->bytes.path, n->cells.columns, rows, err) < 0)
		return -EINVAL;
	return rc;
}

const struct recording_reader reader_npy = {
	.name = "npy",
	.what = "NPY: an array of numbers of one or two dimensions, or of records, as numpy.save writes it",
	.recognise = npy_recognise,
	.open = npy_open,
	.next = npy_next,
	.close = npy_close,
};

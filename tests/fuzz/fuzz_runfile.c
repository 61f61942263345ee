/* Rows of a run file, whatever stands in them, under digests and a chain that fit: no crash, no read beyond, an end, and
 * nothing shown that steers a terminal. An input is a list of changes to the rows of a kept run file. */
#include <errno.h>
#include <unistd.h>

#include "reports/report.h"
#include "rig/base/disk.h"
#include "rig/offline/reopen.h"
#include "rig/offline/replay.h"
#include "tests/fuzz/json_change.h"
#include "tests/fuzz/reseal.h"

#define BASES   4
#define CHANGES 8
#define CELL    (1 << 18)

static const char *const base_names[BASES] = {"fail-stall", "judged-anew", "imported-i16", "sensor-gone"};
static struct {
	uint8_t *at;
	size_t len;
} base[BASES];
static char path[256];

/* ---- the file ------------------------------------------------------------------------------------------------------ */

static void read_base(unsigned i)
{
	char command[300];
	size_t room = 1 << 21;

	snprintf(command, sizeof(command),
		 "${PYTHON:-python3} -c 'import lzma, sys; sys.stdout.buffer.write(lzma.open(sys.argv[1]).read())' "
		 "tests/data/runs-method-3/%s.penrig.xz",
		 base_names[i]);
	FILE *pipe = popen(command, "r");
	FUZZ_CHECK(pipe);
	base[i].at = malloc(room);
	FUZZ_CHECK(base[i].at);
	base[i].len = fread(base[i].at, 1, room, pipe);
	FUZZ_CHECK(pclose(pipe) == 0 && base[i].len > 4096);
}

static void take_away(void)
{
	unlink(path);
	for (unsigned i = 0; i < BASES; i++)
		free(base[i].at);
}

static void write_file(unsigned i)
{
	if (!path[0]) {
		const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");
		snprintf(path, sizeof(path), "%s/penrig-fuzz-%d.penrig", folder ? folder : "/tmp", (int)getpid());
		atexit(take_away);
	}
	if (!base[i].at)
		read_base(i);
	FILE *file = fopen(path, "wb");
	FUZZ_CHECK(file && fwrite(base[i].at, 1, base[i].len, file) == base[i].len && fclose(file) == 0);
}

/* ---- changes ------------------------------------------------------------------------------------------------------- */

struct change { /* eight bytes of the input, and behind them those that it puts in */
	uint8_t table, column, what, number;
	uint16_t row, at;
	const uint8_t *bytes;
	size_t len;
};

static const struct table {
	const char *name;
	unsigned columns;
	const char *column[11];
} tables[] = {
	{"item", 5, {"kind", "key", "state", "count", "data"}},
	{"block",
	 11,
	 {"device", "stream", "first_index", "frames", "channels", "width", "first_host_ns", "last_host_ns", "zstd",
	  "arrivals", "samples"}},
	{"journal", 3, {"host_ns", "kind", "json"}},
};
static const int64_t numbers[] = {0,          1,         -1,        2,         255,   256,
				  65535,      INT32_MAX, INT64_MAX, INT64_MIN, 15600, 15601,
				  UINT32_MAX, 1LL << 40, 1LL << 53, 1LL << 62, 3,     4096};
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static size_t change_bytes(uint8_t *cell, size_t len, const struct change *c)
{
	size_t at = len ? ((size_t)c->at * 17 + c->number) % len : 0;
	size_t put = c->len < CELL - len ? c->len : CELL - len;

	switch (c->what % 6) {
	case 0: /* over what stands there */ memcpy(cell + at, c->bytes, put < len - at ? put : len - at); return len;
	case 1: /* between */
		memmove(cell + at + put, cell + at, len - at);
		memcpy(cell + at, c->bytes, put);
		return len + put;
	case 2: return at; /* cut */
	case 3:            /* a piece taken out */
		put = c->number < len - at ? c->number : len - at;
		memmove(cell + at, cell + at + put, len - at - put);
		return len - put;
	case 4: /* a bit */
		if (len)
			cell[at] ^= (uint8_t)(1 << c->number % 8);
		return len;
	default: return json_change(cell, len, CELL, c->at, c->number);
	}
}

static void change_row(struct db *db, const struct change *c)
{
	static uint8_t cell[CELL];
	const struct table *table = &tables[c->table % COUNT_OF(tables)];
	const char *column = table->column[c->column % table->columns];
	char sql[160];
	struct db_stmt *row, *update;
	struct err err;
	int64_t rows = 0, seq;

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table->name);
	FUZZ_CHECK(!db_number(db, sql, &rows, &err));
	if (!rows)
		return;
	snprintf(sql, sizeof(sql), "SELECT seq, %s FROM %s ORDER BY seq LIMIT 1 OFFSET ?", column, table->name);
	FUZZ_CHECK(!db_prepare(db, sql, &row, &err));
	db_bind_int(row, 1, c->row % rows);
	FUZZ_CHECK(db_step(row, &err) == 1);
	seq = db_int(row, 0);
	bool number = db_row_is(row, "ii"), text = db_row_is(row, "it");
	size_t len = 0;
	const void *data = number ? NULL : db_blob(row, 1, &len);
	len = len < CELL ? len : CELL;
	if (len)
		memcpy(cell, data, len);
	db_finalize(row);
	snprintf(sql, sizeof(sql), c->what == 255 ? "DELETE FROM %s WHERE seq=?" : "UPDATE %s SET %s=? WHERE seq=?",
		 table->name, column);
	FUZZ_CHECK(!db_prepare(db, sql, &update, &err));
	if (c->what == 255) {
		db_bind_int(update, 1, seq);
	} else if (number && c->what != 254) {
		db_bind_int(update, 1, numbers[c->number % COUNT_OF(numbers)]);
	} else {
		len = number ? 0 : change_bytes(cell, len, c);
		if (text == (c->what != 254)) /* 254: what SQLite keeps all the same, a value of another type */
			db_bind_text(update, 1, (const char *)cell, len);
		else
			db_bind_blob(update, 1, cell, len);
	}
	db_bind_int(update, c->what == 255 ? 1 : 2, seq);
	(void)db_insert(update, &err);
	db_finalize(update);
}

static size_t read_change(const uint8_t *data, size_t size, struct change *ret)
{
	if (size < 9)
		return 0;
	size_t len = data[8] < size - 9 ? data[8] : size - 9;

	*ret = (struct change){.table = data[0],
			       .column = data[1],
			       .what = data[2],
			       .number = data[3],
			       .row = (uint16_t)(data[4] | data[5] << 8),
			       .at = (uint16_t)(data[6] | data[7] << 8),
			       .bytes = data + 9,
			       .len = len};
	return 9 + len;
}

static void change_file(const uint8_t *data, size_t size)
{
	struct db *db;
	struct err err = {""};
	struct change c;
	size_t used;

	FUZZ_CHECK(!db_open(path, path, DB_WRITE, 0, &db, &err));
	FUZZ_CHECK(!db_exec(db, "PRAGMA journal_mode=MEMORY", &err) && !db_exec(db, "PRAGMA synchronous=OFF", &err));
	FUZZ_CHECK(!db_begin(db, &err));
	for (unsigned i = 0; i < CHANGES && (used = read_change(data, size, &c)); i++, data += used, size -= used)
		change_row(db, &c);
	reseal(db);
	FUZZ_CHECK(!db_commit(db, &err));
	db_close(db);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static int on_block(void *ctx, const struct sample_block *block)
{
	uint64_t *sum = ctx;

	for (uint32_t i = 0; i < block->frames * block->channels; i++)
		*sum += (uint64_t)(int64_t)block->counts[i];
	return 0;
}

static int on_journal(void *ctx, uint64_t host_ns, const char *kind, const char *json)
{
	*(uint64_t *)ctx += host_ns + strlen(kind) + strlen(json);
	return 0;
}

static int on_stroke(void *ctx, const struct stroke *stroke)
{
	*(uint64_t *)ctx += stroke->number;
	return 0;
}

static int on_telemetry(void *ctx, const struct pen_telemetry *telemetry)
{
	*(uint64_t *)ctx += telemetry->host_ns;
	return 0;
}

static int on_judged(void *ctx, const struct record_judged *judged)
{
	*(uint64_t *)ctx += judged->number;
	return 0;
}

static void walk(struct runfile_reader *reader, const struct record *record)
{
	uint64_t sum = 0;
	struct err err;

	(void)runfile_each_journal(reader, on_journal, &sum, &err);
	(void)runfile_each_telemetry(reader, on_telemetry, &sum, &err);
	(void)runfile_each_judged(reader, on_judged, &sum, &err);
	for (unsigned i = 0; i < record->points; i++)
		(void)runfile_each_stroke(reader, i, on_stroke, &sum, &err);
	for (unsigned device = 0; device < record->devices; device++)
		for (unsigned stream = 0; stream < 2; stream++)
			(void)runfile_each_block(reader, device, stream, on_block, &sum, &err);
}

/* No report of whatever a file says holds what steers a terminal. */
static void report(const struct record *record)
{
	for (unsigned i = 0; report_table[i]; i++) {
		char *text = NULL;
		struct err err = {""};
		if (report_table[i]->write_run || report_string(report_table[i], record, &text, &err))
			continue;
		for (const char *c = text; *c; c++)
			FUZZ_CHECK((unsigned char)*c >= 0x20 || strchr("\n\t\r", *c));
		free(text);
	}
}

static void derive(struct runfile_reader *reader, struct record *record)
{
	const struct replay_listener nobody = {.ctx = NULL};
	struct replay_inputs inputs = {.plan = NULL};
	struct replay_summary summary = {.points = 0};
	struct err err = {""};

	if (runfile_verify(reader, &err) == 0 && replay_inputs_read(record, &inputs, &err) == 0 &&
	    replay_run(reader, record, &inputs, &nobody, &summary, &err) == 0)
		report(record);
	replay_inputs_free(&inputs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err err = {""};

	if (!size)
		return 0;
	write_file(data[0] % BASES);
	change_file(data + 1, size - 1);
	int status = reopen(path, &reader, &record, &err);
	FUZZ_CHECK((status == 0) == (record != NULL) && (status == 0 || err.text[0]));
	if (status == 0) {
		walk(reader, record);
		report(record);
		derive(reader, record);
	}
	runfile_reader_free(reader);
	record_free(record);
	return 0;
}

#ifndef PENRIG_LIBFUZZER
/* Changes drawn by a seed, most of them of one cell. */
static void draw(uint64_t seed)
{
	uint8_t data[1 + CHANGES * 20];
	uint64_t state = seed;
	size_t len = 1;

	data[0] = (uint8_t)fuzz_random(&state);
	for (uint64_t n = 1 + fuzz_random(&state) % 2; n; n--) {
		for (unsigned i = 0; i < 8; i++)
			data[len++] = (uint8_t)fuzz_random(&state);
		data[len - 1] = 0; /* of the place: below 256 */
		data[len++] = 8;
		for (unsigned i = 0; i < 8; i++)
			data[len++] = (uint8_t)fuzz_random(&state);
	}
	fuzz_run(data, len);
}

/* Sealed anew without a change a file verifies: else its readers would refuse every changed one for its digests. */
static void stands_unchanged(unsigned i)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err err = {""};

	write_file(i);
	change_file(NULL, 0);
	if (reopen(path, &reader, &record, &err) || runfile_verify(reader, &err))
		fprintf(stderr, "%s: %s\n", base_names[i], err.text);
	FUZZ_CHECK(!err.text[0]);
	runfile_reader_free(reader);
	record_free(record);
}

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc == 1 && i < BASES; i++)
		stands_unchanged(i);
	const char *runs = getenv("RUNS"), *first = getenv("FIRST");
	uint64_t from = first ? strtoull(first, NULL, 10) : 1;

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	for (uint64_t i = 0; argc == 1 && i < (runs ? strtoull(runs, NULL, 10) : 30); i++) {
		if (getenv("SAY"))
			fprintf(stderr, "seed %" PRIu64 "\n", from + i);
		draw(from + i);
	}
	return 0;
}
#endif

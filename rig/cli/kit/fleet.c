#include "rig/cli/kit/fleet.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/cli/kit/table.h"
#include "rig/fleet/tables.h"

#define WIDEST   48
#define WATCH_MS 2000
#define ANEW     "\033[H\033[2J" /* a terminal's screen is empty */

const char *fleet_db(const char *option)
{
	const char *own = getenv("PENRIG_DB");

	return option ? option : own ? own : "";
}

struct depot_config fleet_store(const char *secret, const char *ca)
{
	return (struct depot_config){.secret = secret ? secret : getenv("PENRIG_STORE_SECRET"), .ca = ca};
}

int fleet_open(const char *option, int need, int *ret_version, struct server **ret, struct err *err)
{
	struct server *server = NULL;
	int rc = server_new(fleet_db(option), "penrig", &server, err);

	if (!rc)
		rc = tables_check(server, need, ret_version, err);
	if (rc) {
		server_free(server);
		return rc;
	}
	*ret = server;
	return 0;
}

int fleet_exit_code(int rc)
{
	switch (-rc) {
	case EREMOTE:
	case ENOTSUP: return EXIT_USAGE;
	case EBUSY:
	case EOWNERDEAD: return EXIT_BUSY;
	default: return cli_exit_code(rc); /* a server that is away, too: storage */
	}
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

static void add_value(struct json_out *row, const struct answer *answer, unsigned i, unsigned c,
		      const struct fleet_column *column)
{
	const char *text = answer_text(answer, i, c);

	if (answer_is_null(answer, i, c))
		json_out_null(row, column->key);
	else if (column->kind == 'i')
		json_out_int(row, column->key, answer_int(answer, i, c));
	else if (column->kind == 'r')
		json_out_number(row, column->key, answer_real(answer, i, c), 17);
	else if (column->kind == 'b')
		json_out_bool(row, column->key, *text == 't');
	else
		json_out_string(row, column->key, text);
}

static int print_form(const struct answer *answer, const struct fleet_print *how, struct err *err)
{
	struct json_out *list = json_out_array();

	for (unsigned i = 0; i < answer_rows(answer); i++) {
		struct json_out *row = json_out_add_object(list, NULL);
		for (unsigned c = 0; how->columns[c].key; c++)
			add_value(row, answer, i, c, &how->columns[c]);
	}
	return table_print(list, how->table, how->csv, err);
}

static int width_of(const struct answer *answer, const struct fleet_column *columns, unsigned c)
{
	size_t width = strlen(columns[c].title);

	for (unsigned i = 0; i < answer_rows(answer); i++) {
		size_t len = strlen(answer_text(answer, i, c));
		width = len > width ? len : width;
	}
	return width > WIDEST ? WIDEST : (int)width;
}

/* The last column is not padded and may be as long as it is. */
static void print_cell(const char *text, int width, bool last)
{
	char cell[WIDEST + 1];

	if (last) {
		print_clean(stdout, text);
		fputc('\n', stdout);
		return;
	}
	snprintf(cell, sizeof(cell), "%s", text);
	print_clean(stdout, cell);
	printf("%*s", width - (int)strlen(cell) + 2, "");
}

static void print_table(const struct answer *answer, const struct fleet_column *columns)
{
	int width[32] = {0};
	unsigned shown = 0, count = 0;

	for (; count < 32 && columns[count].key; count++)
		if (columns[count].title) {
			width[count] = width_of(answer, columns, count);
			shown = count;
		}
	for (unsigned c = 0; c < count; c++)
		if (columns[c].title)
			print_cell(columns[c].title, width[c], c == shown);
	for (unsigned i = 0; i < answer_rows(answer); i++)
		for (unsigned c = 0; c < count; c++)
			if (columns[c].title)
				print_cell(answer_text(answer, i, c), width[c], c == shown);
}

int fleet_print(const struct answer *answer, const struct fleet_print *how, struct err *err)
{
	if (how->json || how->csv)
		return print_form(answer, how, err);
	print_table(answer, how->columns);
	return 0;
}

static int list_once(struct server *server, const struct fleet_question *q, struct err *err)
{
	struct answer *answer = NULL;
	int rc = server_ask(server, q->sql, q->values, q->count, &answer, err);

	if (!rc && q->watch && !q->how.json)
		fputs(isatty(STDOUT_FILENO) ? ANEW : "\n", stdout);
	if (!rc)
		rc = fleet_print(answer, &q->how, err);
	answer_free(answer);
	return rc;
}

static void await_news(struct server *server)
{
	struct pollfd told = {.fd = server_fd(server), .events = POLLIN};

	(void)poll(&told, 1, WATCH_MS); /* not connected: that alone */
	(void)server_heard(server);
}

static int watch(struct server *server, const struct fleet_question *q, struct err *err)
{
	static const char *const channels[] = {"penrig_job", "penrig_done", "penrig_cancel"};
	bool away = false;
	int rc = 0;

	for (unsigned i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
		server_listen(server, channels[i]);
	server_disconnect(server); /* the next connection listens */
	while ((!rc || server_may_pass(rc)) && fflush(stdout) == 0) {
		rc = list_once(server, q, err);
		if (rc && server_may_pass(rc) && !away)
			cli_error(0, "%s; it is tried again", err->text);
		away = rc != 0;
		await_news(server);
	}
	return rc ? rc : err_set(err, -EIO, "standard output takes no more");
}

int fleet_list(struct server *server, const struct fleet_question *question, struct err *err)
{
	if (question->watch && question->how.csv)
		return err_set(err, -EINVAL, "--watch: as text, or with --json");
	return question->watch ? watch(server, question, err) : list_once(server, question, err);
}

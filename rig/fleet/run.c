/* A job's run on this computer: outbox, plan file, child, end. Leaves out the server. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "rig/fleet/news.h"

#define ROOM_BYTES (512e6) /* below it no job is taken: a run and what beside it is kept must fit */
#define WORD_MAX   640
#define WORDS_MAX  24
#define TRIES      3 /* a second apart, to take in what a killed run left */

const char *seat_name(const struct seat *seat)
{
	return seat->agent->config->bench[seat->index].name;
}

const char *seat_state(const struct seat *seat, bool begun)
{
	return begun                    ? "running"
	       : seat_is_withheld(seat) ? "safety stop"
	       : seat->agent->full      ? "disk full"
	       : seat->agent->gone      ? "program gone"
					: "idle";
}

const char *folder_of(const struct agent *agent, const struct outbox_item *item)
{
	return *item->folder ? item->folder : agent->config->folder;
}

void run_file_of(const struct agent *agent, const struct outbox_item *item, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s.penrig", *item->output ? item->output : agent->config->output, item->name);
}

static bool is_there(const char *program)
{
	return !strchr(program, '/') || access(program, X_OK) == 0;
}

bool runs_can_begin(const struct agent *agent)
{
	return is_there(own_program()) && (!agent->config->words || is_there(agent->config->word[0]));
}

static bool is_nearly_full(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (double)fs.f_bavail * (double)fs.f_frsize < ROOM_BYTES;
}

bool runs_have_room(const struct agent *agent)
{
	return !is_nearly_full(agent->config->output) && !is_nearly_full(agent->config->folder) &&
	       !is_nearly_full(agent->config->history);
}

struct seat *seat_of(struct agent *agent, const char *bench)
{
	for (unsigned i = 0; i < agent->seats; i++)
		if (strcmp(seat_name(&agent->seat[i]), bench) == 0)
			return &agent->seat[i];
	return NULL;
}

/* ---- leases -------------------------------------------------------------------------------------------------------- */

void seat_let_go(struct seat *seat, int64_t seq)
{
	for (unsigned i = 0; i < SEAT_LEASES; i++)
		if (seat->lease[i].seq == seq)
			seat->lease[i].seq = 0;
}

void seat_hold(struct seat *seat, const struct outbox_item *item)
{
	struct lease *free_one = NULL;

	for (unsigned i = 0; i < SEAT_LEASES; i++) {
		if (seat->lease[i].seq == item->seq)
			return;
		if (!seat->lease[i].seq && !free_one)
			free_one = &seat->lease[i];
	}
	if (item->job && free_one)
		*free_one = (struct lease){item->seq, item->job, item->fence, 0};
}

/* ---- behind a safety input that opened ----------------------------------------------------------------------------- */

void seat_file_name(const struct seat *seat, char ret[64])
{
	snprintf(ret, 64, "%s", seat_name(seat));
	for (char *at = strchr(ret, '/'); at; at = strchr(at, '/'))
		*at = '_';
}

static void withheld_path(const struct seat *seat, char ret[2 * FILE_PATH_MAX])
{
	char name[64];

	seat_file_name(seat, name);
	snprintf(ret, (size_t)2 * FILE_PATH_MAX, "%s/%s.safety-stop", seat->agent->config->folder, name);
}

/* What cannot be looked for may be there. */
bool seat_is_withheld(const struct seat *seat)
{
	char path[2 * FILE_PATH_MAX];

	withheld_path(seat, path);
	return seat->withheld || access(path, F_OK) == 0 || errno != ENOENT;
}

bool seat_is_withheld_by(const struct seat *seat, const char *run)
{
	char path[2 * FILE_PATH_MAX], line[sizeof(seat->item.name) + 2] = "";

	withheld_path(seat, path);
	FILE *file = fopen(path, "re");
	bool read = file && fgets(line, sizeof(line), file);
	if (file)
		fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return seat->withheld || (read && strcmp(line, run) == 0);
}

static void withhold(struct seat *seat, const char *reason)
{
	char path[2 * FILE_PATH_MAX];

	withheld_path(seat, path);
	FILE *file = fopen(path, "we");
	bool kept = file && fprintf(file, "%s\n%s\n", seat->item.name, reason) > 0 && fflush(file) == 0 &&
		    fsync(fileno(file)) == 0;
	if (file)
		fclose(file);
	seat->withheld = !kept;
	agent_say(seat->agent,
		  "%s: ALARM: no further job begins here, run %s was ended by a safety input: %.300s. %s%s",
		  seat_name(seat), seat->item.name, reason,
		  kept ? "See to the bench, then delete "
		       : "See to the bench, then start the agent again; it could not keep ",
		  path);
}

/* ---- what it tells ------------------------------------------------------------------------------------------------- */

/* Before the pen tests and the first point. */
static bool stands(const struct json *event, const char *name)
{
	static const char *const still[] = {"station", "begin", "setpoint", "refused", "opening", "interlock"};
	const struct json *stage = json_get(event, "stage");
	const char *word = stage && json_kind(stage) == JSON_STRING ? json_string(stage) : name;

	for (unsigned i = 0; i < sizeof(still) / sizeof(still[0]); i++)
		if (strcmp(word, still[i]) == 0)
			return true;
	return false;
}

static void on_event(void *ctx, const struct json *event)
{
	struct seat *seat = ctx;
	const struct json *name = json_get(event, "event"), *code = json_get(event, "exit_code");

	if (!name || json_kind(name) != JSON_STRING)
		return;
	if (!stands(event, json_string(name)))
		seat->moved = true;
	news_event(seat, event);
	const struct json *stop = json_get(event, "safety_stop"), *why = json_get(event, "reason");
	if (stop && json_kind(stop) == JSON_BOOL && json_bool(stop))
		withhold(seat, why && json_kind(why) == JSON_STRING ? json_string(why) : "");
	if (strcmp(json_string(name), "end") == 0 && code && json_kind(code) == JSON_NUMBER)
		seat->exit_code = (int)json_number(code);
}

/* Whoever began it knows how it ended; of one that was taken over its last event may tell. */
static void on_ended(void *ctx, int exit_code)
{
	struct seat *seat = ctx;

	if (exit_code >= 0)
		seat->exit_code = exit_code;
	seat->ended = true;
	news_ended(seat);
	loop_timer_at(seat->agent->loop, &seat->agent->timer, 0);
}

static struct child_host host_of(struct seat *seat)
{
	return (struct child_host){.ctx = seat, .event = on_event, .ended = on_ended};
}

/* ---- beginning ----------------------------------------------------------------------------------------------------- */

static int write_plan(const struct seat *seat, const char *text, char *ret_path, size_t size, struct err *err)
{
	size_t len = strlen(text);

	snprintf(ret_path, size, "%s/%s.plan.json", seat->agent->config->folder, seat->item.name);
	int fd = open(ret_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	bool written = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	int rc = written ? 0 : -errno;
	if (fd >= 0)
		close(fd);
	return rc ? err_set(err, rc, "%.300s: %s%s", ret_path, strerror(-rc), disk_remedy(rc)) : 0;
}

struct words {
	unsigned count;
	char text[WORDS_MAX][WORD_MAX];
	const char *list[WORDS_MAX + 1];
};

__attribute__((format(printf, 2, 3))) static void add(struct words *words, const char *fmt, ...)
{
	va_list ap;

	if (words->count == WORDS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(words->text[words->count], WORD_MAX, fmt, ap);
	va_end(ap);
	words->list[words->count] = words->text[words->count];
	words->count++;
}

static void compose(const struct seat *seat, const struct seat_order *order, struct words *words)
{
	const struct agent_config *config = seat->agent->config;

	add(words, "--attr=" OUTBOX_RUN_ATTRIBUTE "=%s", seat->item.run_id);
	add(words, "--attr=fleet.job=%lld", (long long)order->job);
	add(words, "--attr=fleet.fence=%lld", (long long)order->fence);
	if (*order->image)
		add(words, "--attr=image=%s", order->image);
	add(words, "--history=%s", config->history);
	if (config->state)
		add(words, "--state=%s", config->state);
	add(words, "--start-by=%.3f", order->start_by_s);
	if (order->end_by_s > 0)
		add(words, "--end-by=%.3f", order->end_by_s);
	add(words, "--no-input");
	for (unsigned i = 0; i < order->reports; i++)
		if (strcmp(order->report[i], "html") != 0) /* supervised runs write that anyway */
			add(words, "--report=%s", order->report[i]);
}

static int start_child(struct seat *seat, const struct seat_order *order, struct err *err)
{
	struct station_product *product = &seat->agent->station->product[seat->index];
	struct words words = {.count = 0};
	struct unit unit = {.product = (int)seat->index, .attempt = 1};
	const struct child_order child = {.bench = seat->index,
					  .unit = &unit,
					  .person = "",
					  .name = seat->item.name,
					  .image = order->image,
					  .more = words.list};
	const struct child_host host = host_of(seat);
	int rc = write_plan(seat, order->plan, product->plan, sizeof(product->plan), err);

	if (rc)
		return rc;
	snprintf(unit.serial, sizeof(unit.serial), "%s", order->dut);
	snprintf(unit.lot, sizeof(unit.lot), "%s", order->lot);
	if (strlen(order->dut) >= sizeof(unit.serial) || strlen(order->lot) >= sizeof(unit.lot))
		return err_set(err, -EINVAL, "serial number or lot is too long for a run");
	compose(seat, order, &words);
	return child_start(seat->agent->station, seat->agent->loop, &child, &host, &seat->child, err);
}

/* The next agent may be started in another place. */
static void note_place(const char *path, char ret[FILE_PATH_MAX])
{
	char *real = realpath(path, NULL);

	snprintf(ret, FILE_PATH_MAX, "%s", real ? real : path);
	free(real);
}

int seat_start(struct seat *seat, const struct seat_order *order, struct err *err)
{
	struct outbox_item *item = &seat->item;
	int rc;

	*item = (struct outbox_item){.job = order->job, .fence = order->fence};
	if ((rc = uuid_draw(item->run_id, err)))
		return rc;
	snprintf(item->bench, sizeof(item->bench), "%s", seat_name(seat));
	snprintf(item->name, sizeof(item->name), "job%lld-%lld-%.8s", (long long)order->job, (long long)order->fence,
		 item->run_id);
	seat->ended = seat->moved = seat->stopping = seat->news.ended = false;
	seat->tries = 0;
	seat->exit_code = -1;
	note_place(seat->agent->config->folder, item->folder);
	note_place(seat->agent->config->output, item->output);
	rc = outbox_begin(seat->agent->history, item, err);
	if (rc)
		return rc;
	rc = start_child(seat, order, err);
	if (rc)
		(void)outbox_done(seat->agent->history, item->seq, NULL);
	else
		seat_hold(seat, item);
	return rc;
}

static int adopt_child(struct seat *seat, struct err *err)
{
	struct agent *agent = seat->agent;
	const struct child_host host = host_of(seat);
	struct station_config *there = malloc(sizeof(*there));
	int rc;

	if (!there)
		return err_set(err, -ENOMEM, "out of memory");
	*there = *agent->station;
	snprintf(there->state, sizeof(there->state), "%s", folder_of(agent, &seat->item));
	rc = child_adopt(there, agent->loop, seat->item.name, &host, &seat->child, err);
	free(there);
	return rc;
}

/* There are no events of it. It ended where the history has it; and it did not get so far where they would stand: they are made
 * before it is started. Else it may still run. */
static int without_events(struct seat *seat, int why, struct err *err)
{
	struct agent *agent = seat->agent;
	const struct outbox_item *item = &seat->item;
	struct told known;
	struct json_out *run = NULL;
	int rc = outbox_run(agent->history, item, &run, &known, err);

	json_out_free(run);
	seat->ended = rc == 1 || (rc == 0 && why == ENOENT && *item->folder && access(item->folder, X_OK) == 0);
	if (seat->ended)
		seat_hold(seat, item);
	if (rc >= 0 && !seat->ended && !agent->opened)
		agent_say(agent,
			  "%s: ALARM: what became of run %s cannot be seen from here, and it is left alone: %.300s",
			  seat_name(seat), item->name,
			  *item->folder ? item->folder : "begin the agent with the --folder that it had");
	return rc < 0 ? rc : 0;
}

int seat_adopt(struct seat *seat, const struct outbox_item *item, struct err *err)
{
	char path[2 * FILE_PATH_MAX];

	seat->item = *item;
	seat->exit_code = -1;
	seat->tries = 0;
	seat->moved = true;
	seat->stopping = seat->news.ended = false;
	snprintf(path, sizeof(path), "%s/%s.events.jsonl", folder_of(seat->agent, item), item->name);
	if (access(path, F_OK) != 0)
		return without_events(seat, errno, err);
	seat_hold(seat, item);
	return adopt_child(seat, err);
}

/* ---- ending -------------------------------------------------------------------------------------------------------- */

/* May be over at the next try, however long that takes. */
static bool may_pass(int rc)
{
	static const int passing[] = {EBUSY, EAGAIN, EINTR, ENOSPC, EDQUOT, EROFS, ENOMEM, EMFILE, ENFILE};

	for (unsigned i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (rc == -passing[i])
			return true;
	return false;
}

/* A run takes itself into the history at its end. One that died could not. */
static int take_in(struct seat *seat, struct err *err)
{
	struct agent *agent = seat->agent;
	char path[2 * FILE_PATH_MAX];
	struct told known;
	struct json_out *run = NULL;
	int rc = outbox_run(agent->history, &seat->item, &run, &known, err);

	json_out_free(run);
	run_file_of(agent, &seat->item, path, sizeof(path));
	if (rc || (access(path, F_OK) != 0 && errno == ENOENT) || agent->host.holds_nothing(agent->host.ctx, path))
		return rc < 0 ? rc : 0;
	rc = agent->host.take_in(agent->host.ctx, agent->history, path, err);
	if (rc && (may_pass(rc) || seat->tries < TRIES)) {
		seat->tries += !may_pass(rc);
		return rc;
	}
	/* It stands in nobody's way. What it says of its pen is not lost: see parcel_send(). */
	if (rc)
		agent_say(agent, "%s: run %s cannot be taken in, look at it by hand: %s", seat_name(seat),
			  seat->item.name, err->text);
	return 0;
}

int seat_settle(struct seat *seat, struct err *err)
{
	int rc = take_in(seat, err);

	if (!rc)
		rc = outbox_end(seat->agent->history, seat->item.seq, seat->exit_code, err);
	if (rc)
		return rc;
	agent_say(seat->agent, "%s: job %lld, run %s has ended, exit code %d", seat_name(seat),
		  (long long)seat->item.job, seat->item.name, seat->exit_code);
	if (seat->exit_code >= 0 && seat->exit_code < SEAT_CODES)
		seat->ended_as[seat->exit_code]++;
	child_free(seat->child);
	seat->child = NULL;
	seat->ended = seat->told = false;
	return 0;
}

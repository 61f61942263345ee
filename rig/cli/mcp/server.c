/* Methods, and calls that are under way. */
#include "rig/cli/mcp/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/text_clean.h"
#include "rig/cli/mcp/files.h"
#include "rig/cli/mcp/person.h"
#include "rig/cli/mcp/wire.h"

#define CALLS_MAX    8
#define CALL_LIMIT_S 600.0
#define PROGRESS_NS  (10 * NS_PER_S)
#define TOOLS_TTL_MS 3600000 /* they are the same as long as the server lives */
#define CLIENT_MAX   120

struct mcp_call {
	struct mcp_server *server;
	struct mcp_call *next;
	struct mcp_message message; /* its own */
	const struct mcp_tool *tool;
	bool cancelled; /* it gets no answer */
	struct mcp_words words;
	struct mcp_files files; /* of a run: what the person was asked about */
	struct mcp_child *child;
	struct mcp_person *person;
	char *plan, dut[MCP_NAME_MAX], client[CLIENT_MAX], stopped[120];
	struct loop_timer progress;
	unsigned told;
};

struct mcp_server {
	struct loop *loop;
	int in;
	struct mcp_out out;
	const struct mcp_place *place;
	const struct mcp_runs *runs;
	struct mcp_lines lines;
	bool begun; /* "initialize" was answered */
	bool in_ended, stopping;
	struct loop_timer sweep; /* ends, from the loop, what nobody waits for any more */
	char client[CLIENT_MAX];
	struct mcp_call *call;
	unsigned calls;
};

static const char instructions[] =
	"penrig tests microneedling pens on a bench. These tools read its plans, run files and "
	"history; none changes anything. A verdict is "
	"pass, conditional_pass, inconclusive, conditional_fail or fail: what is not known "
	"is never a pass. Values come with "
	"their expanded uncertainty and limits.";

/* ---- ends -------------------------------------------------------------------------------------------------------- */

static void finish_if_idle(struct mcp_server *s)
{
	if (s->in_ended && !s->call)
		loop_stop(s->loop);
}

static void say(struct mcp_server *s, struct mcp_reply reply)
{
	if (mcp_send(&reply, &s->out) < 0)
		mcp_server_stop(s); /* no memory: an answer is lost */
}

static void refuse(struct mcp_server *s, const struct mcp_message *m, enum mcp_error code, const char *text)
{
	say(s, mcp_refusal(m, code, text));
}

static void call_free(struct mcp_call *call)
{
	loop_timer_cancel(call->server->loop, &call->progress);
	mcp_child_free(call->child);
	mcp_person_free(call->person);
	mcp_words_free(&call->words);
	mcp_message_free(&call->message);
	free(call->plan);
	free(call);
}

static void call_end(struct mcp_call *call)
{
	struct mcp_server *s = call->server;
	struct mcp_call **at = &s->call;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	s->calls--;
	call_free(call);
	finish_if_idle(s);
}

/* A tool that could not do what was asked: what to do about it is for whoever asked, so it is a result. */
static void say_failed(struct mcp_server *s, const struct mcp_message *m, const char *text)
{
	struct mcp_reply reply = mcp_result(m);
	struct json_out *content = json_out_add_object(json_out_add_array(reply.result, "content"), NULL);
	char clean[MCP_SAID_MAX + ERR_TEXT_MAX];

	json_out_string(content, "type", "text");
	json_out_string(content, "text", text_clean(text, clean, sizeof(clean)));
	json_out_bool(reply.result, "isError", true);
	say(s, reply);
}

/* ---- what a command printed -------------------------------------------------------------------------------------- */

static void put_output(struct json_out *o, const struct mcp_end *end, const struct json *printed)
{
	char said[MCP_SAID_MAX + 1];

	json_out_int(o, "exit_code", end->exit_code);
	if (*end->said)
		json_out_string(o, "messages", text_clean(end->said, said, sizeof(said)));
	json_out_copy(o, "output", printed);
}

static int say_output(struct mcp_call *call, const struct mcp_end *end, struct err *err)
{
	struct json_out *as_text = json_out_object(), *content;
	struct json_doc *doc = NULL;
	struct mcp_reply reply;
	char *text = NULL;
	int rc = json_parse("output", end->output, end->output_len, &doc, err);

	if (rc == 0) {
		put_output(as_text, end, json_root(doc));
		rc = json_out_print(as_text, false, &text, err);
	}
	if (rc == 0) {
		reply = mcp_result(&call->message);
		content = json_out_add_object(json_out_add_array(reply.result, "content"), NULL);
		json_out_string(content, "type", "text");
		json_out_string(content, "text", text);
		put_output(json_out_add_object(reply.result, "structuredContent"), end, json_root(doc));
		json_out_bool(reply.result, "isError", false);
		say(call->server, reply);
	}
	free(text);
	json_out_free(as_text);
	json_doc_free(doc);
	return rc;
}

static const char *const whys[] = {
	[MCP_BY_ITSELF] = "it printed no JSON",
	[MCP_STOPPED] = "it was stopped",
	[MCP_TIMED_OUT] = "it was not done in 10 minutes",
	[MCP_TOO_LONG] = "it printed more than 4 MiB: ask for less",
};

/* The terminal is free before anybody hears that the question or the run is over: whoever asks then is not told that it is held. */
static void leave_terminal(struct mcp_call *call)
{
	mcp_person_free(call->person);
	call->person = NULL;
}

static void on_ended(void *ctx, const struct mcp_end *end)
{
	struct mcp_call *call = ctx;
	char text[MCP_SAID_MAX + ERR_TEXT_MAX];
	struct err err;
	bool whole = end->why == MCP_BY_ITSELF || (end->why == MCP_STOPPED && call->tool->moves);

	if (call->person)
		mcp_person_tell(call->person, "The run has ended.");
	leave_terminal(call);
	if (!call->cancelled && !(whole && say_output(call, end, &err) == 0)) {
		snprintf(text, sizeof(text), "penrig %s ended with exit code %d; %s%s%s\n%s", call->tool->name,
			 end->exit_code, whys[end->why], *call->stopped ? ": " : "", call->stopped, end->said);
		say_failed(call->server, &call->message, text);
	}
	call_end(call);
}

/* ---- progress ---------------------------------------------------------------------------------------------------- */

static void on_progress(void *ctx, uint64_t now_ns)
{
	struct mcp_call *call = ctx;
	const struct json *token = mcp_member(mcp_member(call->message.params, "_meta"), "progressToken");
	struct mcp_reply note = mcp_notification("notifications/progress");

	json_out_copy(note.result, "progressToken", token);
	json_out_int(note.result, "progress", ++call->told);
	json_out_string(note.result, "message",
			call->child ? "the command is at work" : "the person at the bench is asked");
	loop_timer_at(call->server->loop, &call->progress, now_ns + PROGRESS_NS);
	say(call->server, note);
}

static void tell_progress(struct mcp_call *call)
{
	const struct json *token = mcp_member(mcp_member(call->message.params, "_meta"), "progressToken");

	call->progress = (struct loop_timer){.fn = on_progress, .ctx = call};
	if (token && (json_kind(token) == JSON_STRING || json_kind(token) == JSON_NUMBER))
		loop_timer_at(call->server->loop, &call->progress, loop_now_ns(call->server->loop) + PROGRESS_NS);
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

static void start(struct mcp_call *call)
{
	const struct mcp_child_host host = {.ctx = call,
					    .end_signal = call->tool->moves ? SIGTERM : SIGKILL,
					    .limit_s = call->tool->moves ? 0 : CALL_LIMIT_S,
					    .ended = on_ended};
	struct err err;

	if (mcp_child_start(call->server->loop, &call->words, &host, &call->child, &err) == 0)
		return;
	say_failed(call->server, &call->message, err.text);
	call_end(call);
}

static void run_words(struct mcp_call *call, const char *person)
{
	const struct mcp_server *s = call->server;
	struct mcp_words *w = &call->words;

	mcp_words_add(w, "run");
	mcp_words_add(w, "--json");
	mcp_words_add(w, "--quiet");
	mcp_words_add(w, "--no-input");
	mcp_words_add(w, "--bench=%s", s->place->bench);
	mcp_words_add(w, "--dut=%s", call->dut);
	mcp_words_add(w, "--operator=%s", person);
	mcp_words_add(w, "--attr=requested_by=%s", call->client);
	mcp_words_add(w, "--attr=confirmed_by=%s, on %s", person, s->runs->terminal);
	mcp_words_add(w, "--output-dir=%s", s->runs->output_dir);
	if (s->place->state)
		mcp_words_add(w, "--state=%s", s->place->state);
	if (s->place->history)
		mcp_words_add(w, "--history=%s", s->place->history);
	if (s->runs->production)
		mcp_words_add(w, "--production");
	if (s->runs->keys)
		mcp_words_add(w, "--keys=%s", s->runs->keys);
	for (unsigned i = 0; i < call->files.count; i++) /* what has changed since is refused there */
		mcp_words_add(w, "--exactly=%s", call->files.sha256[i]);
	mcp_words_add(w, "%s", call->plan);
}

static void on_answer(void *ctx, bool allowed, const char *text)
{
	struct mcp_call *call = ctx;
	if (!allowed) {
		char why[300];

		snprintf(why, sizeof(why), "no run: %s", text);
		leave_terminal(call);
		say_failed(call->server, &call->message, why);
		call_end(call);
		return;
	}
	run_words(call, text);
	start(call);
}

static void on_stop(void *ctx, const char *why)
{
	struct mcp_call *call = ctx;

	snprintf(call->stopped, sizeof(call->stopped), "%s", why);
	mcp_child_stop(call->child);
}

/* The words are put together when the person's name is known: here they are only looked at. */
static int look_at_run(struct mcp_call *call, const struct json *arguments, struct err *err)
{
	struct mcp_server *s = call->server;
	struct mcp_words words = {.count = 0};
	int rc = mcp_tool_words(call->tool, s->place, arguments, &words, err);

	mcp_words_free(&words);
	for (struct mcp_call *other = s->call; rc == 0 && other; other = other->next)
		if (other != call && other->tool->moves)
			rc = err_set(err, -EBUSY, "a run is asked for, or under way, already");
	if (rc == 0)
		rc = mcp_path(s->place, json_string(mcp_member(arguments, "plan")), &call->plan, err);
	if (rc == 0 && strlen(json_string(mcp_member(arguments, "dut"))) >= sizeof(call->dut))
		rc = err_set(err, -EINVAL, "run: \"dut\" is no serial number: it is too long");
	if (rc == 0)
		rc = mcp_files_read(call->plan, s->place->bench, &call->files, err);
	if (rc == 0)
		snprintf(call->dut, sizeof(call->dut), "%s", json_string(mcp_member(arguments, "dut")));
	return rc;
}

static int ask_person(struct mcp_call *call, const struct json *arguments, struct err *err)
{
	struct mcp_server *s = call->server;
	const struct mcp_person_host host = {.ctx = call, .answered = on_answer, .stop = on_stop};
	int rc = look_at_run(call, arguments, err);

	if (rc < 0)
		return rc;
	const struct mcp_request_to_run what = {.client = call->client,
						.plan = call->plan,
						.plan_sha256 = call->files.sha256[0],
						.bench_sha256 = call->files.sha256[1],
						.bench = s->place->bench,
						.dut = call->dut};

	return mcp_person_ask(s->loop, s->runs->terminal, &what, s->runs->answer_s, &host, &call->person, err);
}

/* ---- tools/call -------------------------------------------------------------------------------------------------- */

/* Who asks, by its own word: of the newer way each request may say it. */
static void name_client(const struct json *info, const char *other, char ret[CLIENT_MAX])
{
	const struct json *name = mcp_member(info, "name"), *version = mcp_member(info, "version");
	char text[400];

	snprintf(text, sizeof(text), "%.200s%s%.100s",
		 name && json_kind(name) == JSON_STRING ? json_string(name) : other,
		 version && json_kind(version) == JSON_STRING ? " " : "",
		 version && json_kind(version) == JSON_STRING ? json_string(version) : "");
	text_clean(text, ret, CLIENT_MAX);
	for (char *c = ret; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
}

static int call_begin(struct mcp_call *call, const struct json *arguments, struct err *err)
{
	if (call->tool->moves)
		return ask_person(call, arguments, err);
	return mcp_tool_words(call->tool, call->server->place, arguments, &call->words, err);
}

static void call_new(struct mcp_server *s, struct mcp_message *m, const struct mcp_tool *tool)
{
	const struct json *arguments = mcp_member(m->params, "arguments");
	struct mcp_call *call = calloc(1, sizeof(*call));
	struct err err;

	if (!call) {
		refuse(s, m, MCP_INTERNAL, "out of memory");
		return;
	}
	*call = (struct mcp_call){.server = s, .next = s->call, .message = *m, .tool = tool};
	*m = (struct mcp_message){.form = MCP_BAD};
	s->call = call;
	s->calls++;
	name_client(mcp_member(mcp_member(call->message.params, "_meta"), "io.modelcontextprotocol/clientInfo"),
		    s->client, call->client);
	tell_progress(call);
	if (call_begin(call, arguments, &err) < 0) {
		say_failed(s, &call->message, err.text);
		call_end(call);
	} else if (!call->tool->moves) {
		start(call);
	}
}

static void do_call(struct mcp_server *s, struct mcp_message *m)
{
	const struct json *name = mcp_member(m->params, "name");
	const struct mcp_tool *tool = name && json_kind(name) == JSON_STRING ? mcp_tool_find(json_string(name)) : NULL;

	if (!tool)
		refuse(s, m, MCP_INVALID_PARAMS, "there is no such tool; tools/list names them");
	else if (tool->moves && !s->runs->allowed)
		refuse(s, m, MCP_INVALID_PARAMS,
		       "no run can be asked for: this server was started without --allow-run");
	else if (s->calls == CALLS_MAX)
		say_failed(s, m, "eight calls are under way; ask again when one of them is answered");
	else
		call_new(s, m, tool);
}

/* ---- the other methods ------------------------------------------------------------------------------------------- */

static void put_server(struct json_out *o)
{
	struct json_out *server = json_out_add_object(o, "serverInfo");

	json_out_string(server, "name", "penrig");
	json_out_string(server, "title", "penrig, a test rig for microneedling pens");
	json_out_string(server, "version", PENRIG_VERSION);
}

static void put_abilities(struct json_out *o)
{
	json_out_add_object(json_out_add_object(o, "capabilities"), "tools");
	json_out_string(o, "instructions", instructions);
}

static void put_cache(struct json_out *o)
{
	json_out_int(o, "ttlMs", TOOLS_TTL_MS);
	json_out_string(o, "cacheScope", "private");
}

static void do_initialize(struct mcp_server *s, struct mcp_message *m)
{
	const struct json *version = mcp_member(m->params, "protocolVersion");
	const char *spoken = mcp_legacy_versions[0];
	struct mcp_reply reply;

	if (!version || json_kind(version) != JSON_STRING) {
		refuse(s, m, MCP_INVALID_PARAMS, "initialize lacks \"protocolVersion\", a text");
		return;
	}
	for (unsigned i = 0; mcp_legacy_versions[i]; i++)
		if (strcmp(json_string(version), mcp_legacy_versions[i]) == 0)
			spoken = mcp_legacy_versions[i];
	name_client(mcp_member(m->params, "clientInfo"), "a client without a name", s->client);
	s->begun = true;
	reply = mcp_result(m);
	json_out_string(reply.result, "protocolVersion", spoken);
	put_server(reply.result);
	put_abilities(reply.result);
	say(s, reply);
}

static void do_discover(struct mcp_server *s, struct mcp_message *m)
{
	struct mcp_reply reply;

	m->modern = true; /* whoever asks this speaks the newer way */
	reply = mcp_result(m);
	json_out_string(json_out_add_array(reply.result, "supportedVersions"), NULL, mcp_modern_version);
	put_abilities(reply.result);
	put_cache(reply.result);
	say(s, reply);
}

static void do_list(struct mcp_server *s, struct mcp_message *m)
{
	struct mcp_reply reply;
	struct json_out *tools;

	if (mcp_member(m->params, "cursor")) {
		refuse(s, m, MCP_INVALID_PARAMS, "there is one page of tools, and no cursor was given out");
		return;
	}
	reply = mcp_result(m);
	tools = json_out_add_array(reply.result, "tools");
	for (const struct mcp_tool *t = mcp_tools; t->name; t++)
		if (!t->moves || s->runs->allowed)
			mcp_tool_describe(t, tools);
	if (m->modern)
		put_cache(reply.result);
	say(s, reply);
}

static void do_ping(struct mcp_server *s, struct mcp_message *m)
{
	say(s, mcp_result(m));
}

enum era { ERA_ANY, ERA_LEGACY, ERA_BEGUN };

static const struct {
	const char *name;
	enum era era; /* of the older way alone; of it only behind "initialize" */
	void (*fn)(struct mcp_server *s, struct mcp_message *m);
} methods[] = {
	{"initialize", ERA_LEGACY, do_initialize}, {"ping", ERA_LEGACY, do_ping},
	{"server/discover", ERA_ANY, do_discover}, {"tools/list", ERA_BEGUN, do_list},
	{"tools/call", ERA_BEGUN, do_call},
};

static void on_request(struct mcp_server *s, struct mcp_message *m)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].name, m->method) != 0 || (m->modern && methods[i].era == ERA_LEGACY))
			continue;
		if (methods[i].era == ERA_BEGUN && !m->modern && !s->begun)
			refuse(s, m, MCP_INVALID_REQUEST,
			       "say \"initialize\" first, or name the protocol's version in _meta");
		else
			methods[i].fn(s, m);
		return;
	}
	refuse(s, m, MCP_METHOD_NOT_FOUND, "there is no such method here");
}

/* Whoever cancels gets no answer. A question at the bench is withdrawn, a run is stopped as by its person. */
static void cancel(struct mcp_call *call, const char *why)
{
	call->cancelled = true;
	snprintf(call->stopped, sizeof(call->stopped), "%s", why);
	if (call->child)
		mcp_child_stop(call->child);
	else
		call_end(call);
}

static void on_notification(struct mcp_server *s, const struct mcp_message *m)
{
	const struct json *id = mcp_member(m->params, "requestId");

	if (strcmp(m->method, "notifications/cancelled") != 0)
		return;
	for (struct mcp_call *call = s->call; call; call = call->next) {
		if (!mcp_same_id(call->message.id, id))
			continue;
		cancel(call, "cancelled by the client");
		return;
	}
}

static bool id_in_use(const struct mcp_server *s, const struct mcp_message *m)
{
	for (const struct mcp_call *call = s->call; call; call = call->next)
		if (mcp_same_id(call->message.id, m->id))
			return true;
	return false;
}

static void on_line(void *ctx, const char *text, size_t len)
{
	struct mcp_server *s = ctx;
	struct mcp_message m;

	if (s->stopping)
		return;
	mcp_message_read(text, len, &m);
	if (m.form == MCP_BAD)
		refuse(s, &m, m.error, m.why.text);
	else if (m.form == MCP_NOTIFICATION)
		on_notification(s, &m);
	else if (m.form == MCP_REQUEST && id_in_use(s, &m))
		refuse(s, &m, MCP_INVALID_REQUEST, "a request with this id is under way");
	else if (m.form == MCP_REQUEST)
		on_request(s, &m);
	mcp_message_free(&m);
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

static void in_ends(struct mcp_server *s)
{
	if (s->in_ended)
		return;
	s->in_ended = true;
	loop_fd_remove(s->loop, s->in);
}

/* Of every call, or of those alone that move a pen. */
static void cancel_all(struct mcp_server *s, bool only_runs, const char *why)
{
	for (struct mcp_call *call = s->call, *next; call; call = next) {
		next = call->next;
		if (call->tool->moves || !only_runs)
			cancel(call, why);
	}
	finish_if_idle(s);
}

static void on_sweep(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	cancel_all(ctx, false, "the server ends");
}

/* Who asked has gone: what only reads is answered to the end, a pen does not run for nobody. */
static void on_input(void *ctx, int fd, short revents)
{
	struct mcp_server *s = ctx;
	char bytes[16384];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		mcp_lines_take(&s->lines, bytes, (size_t)n);
		return;
	}
	in_ends(s);
	cancel_all(s, true, "the client is gone");
}

/* Who asked does not read, or is gone: nothing is left to answer, and a pen does not run for nobody. */
static void on_gone(void *ctx)
{
	mcp_server_stop(ctx);
}

int mcp_server_open(struct loop *loop, int in, int out, const struct mcp_place *place, const struct mcp_runs *runs,
		    struct mcp_server **ret, struct err *err)
{
	struct mcp_server *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	*s = (struct mcp_server){.loop = loop, .in = in, .place = place, .runs = runs};
	s->out = (struct mcp_out){.gone = on_gone, .ctx = s};
	mcp_out_open(&s->out, loop, out);
	s->lines.line = on_line;
	s->lines.ctx = s;
	s->sweep = (struct loop_timer){.fn = on_sweep, .ctx = s};
	snprintf(s->client, sizeof(s->client), "a client without a name");
	rc = loop_fd_add(loop, in, POLLIN, on_input, s);
	if (rc < 0) {
		free(s);
		return err_set(err, rc, "standard input cannot be read: %s", strerror(-rc));
	}
	*ret = s;
	return 0;
}

void mcp_server_stop(struct mcp_server *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	in_ends(s);
	loop_timer_at(s->loop, &s->sweep, 0);
}

void mcp_server_free(struct mcp_server *s)
{
	if (!s)
		return;
	in_ends(s);
	loop_timer_cancel(s->loop, &s->sweep);
	while (s->call) {
		struct mcp_call *call = s->call;

		s->call = call->next;
		call_free(call);
	}
	mcp_lines_free(&s->lines);
	mcp_out_close(&s->out);
	free(s);
}

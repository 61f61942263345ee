/* Lines into messages, answers into lines. */
#include "rig/cli/mcp/wire.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/text_clean.h"

#define ID_TEXT_MAX  256
#define ID_MAX       9007199254740992.0 /* 2^53: larger ones would lose digits */
#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CAN     "io.modelcontextprotocol/clientCapabilities"
#define META_SERVER  "io.modelcontextprotocol/serverInfo"

const char *const mcp_modern_version = "2026-07-28";
/* 2025-03-26 is left out: it alone has batches, and every client that speaks it speaks a later one or an earlier one. */
const char *const mcp_legacy_versions[] = {"2025-11-25", "2025-06-18", "2024-11-05", NULL};

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static bool hold(struct mcp_lines *lines, const char *bytes, size_t len)
{
	if (lines->len + len > MCP_LINE_MAX)
		return false;
	if (lines->len + len > lines->room) {
		size_t room = 2 * (lines->len + len);
		char *text = realloc(lines->text, room);

		if (!text)
			return false;
		lines->text = text;
		lines->room = room;
	}
	memcpy(lines->text + lines->len, bytes, len);
	lines->len += len;
	return true;
}

static void line_ends(struct mcp_lines *lines)
{
	size_t len = lines->len;

	while (len && (lines->text[len - 1] == '\r' || lines->text[len - 1] == ' '))
		len--;
	if (lines->too_long)
		lines->line(lines->ctx, NULL, 0);
	else if (len)
		lines->line(lines->ctx, lines->text, len);
	lines->len = 0;
	lines->too_long = false;
}

void mcp_lines_take(struct mcp_lines *lines, const char *bytes, size_t len)
{
	while (len) {
		const char *end = memchr(bytes, '\n', len);
		size_t part = end ? (size_t)(end - bytes) : len;

		lines->too_long |= !lines->too_long && !hold(lines, bytes, part);
		if (end)
			line_ends(lines);
		part += end != NULL;
		bytes += part;
		len -= part;
	}
}

void mcp_lines_free(struct mcp_lines *lines)
{
	free(lines->text);
	lines->text = NULL;
	lines->len = lines->room = 0;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

const struct json *mcp_member(const struct json *object, const char *key)
{
	return object ? json_get(object, key) : NULL;
}

static const char *text_of(const struct json *node)
{
	return node && json_kind(node) == JSON_STRING ? json_string(node) : NULL;
}

/* Comments are for people's files: outside of its texts JSON has no slash. */
static bool has_comment(const char *text, size_t len)
{
	bool inside = false;

	for (size_t i = 0; i < len; i++) {
		if (inside && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			inside = !inside;
		else if (text[i] == '/' && !inside)
			return true;
	}
	return false;
}

static bool id_is_fit(const struct json *id)
{
	if (json_kind(id) == JSON_STRING)
		return strlen(json_string(id)) <= ID_TEXT_MAX;
	return json_kind(id) == JSON_NUMBER && fabs(json_number(id)) <= ID_MAX &&
	       trunc(json_number(id)) == json_number(id);
}

static void bad(struct mcp_message *m, enum mcp_error code, const char *why)
{
	m->form = MCP_BAD;
	m->error = code;
	snprintf(m->why.text, sizeof(m->why.text), "%s", why);
}

/* What a request of the newer way says of itself. */
static void read_meta(struct mcp_message *m)
{
	const struct json *meta = mcp_member(m->params, "_meta"), *version = mcp_member(meta, META_VERSION);
	const struct json *can = mcp_member(meta, META_CAN);

	if (!version)
		return;
	m->modern = true;
	m->version = text_of(version);
	if (!m->version)
		bad(m, MCP_INVALID_PARAMS, META_VERSION " is no text");
	else if (strcmp(m->version, mcp_modern_version) != 0)
		bad(m, MCP_UNSUPPORTED_VERSION, "this version of the protocol is not spoken here");
	else if (!can || json_kind(can) != JSON_OBJECT)
		bad(m, MCP_INVALID_PARAMS, "_meta lacks " META_CAN ", an object");
}

static void read_request(struct mcp_message *m, const struct json *root)
{
	const struct json *params = mcp_member(root, "params");
	const char *version = text_of(mcp_member(root, "jsonrpc"));

	m->method = text_of(mcp_member(root, "method"));
	if (!version || strcmp(version, "2.0") != 0)
		bad(m, MCP_INVALID_REQUEST, "\"jsonrpc\" must be \"2.0\"");
	else if (mcp_member(root, "id") && !m->id)
		bad(m, MCP_INVALID_REQUEST, "\"id\" must be a text of at most 256 bytes or an integer of at most 2^53");
	else if (!mcp_member(root, "method") && (mcp_member(root, "result") || mcp_member(root, "error")))
		m->form = MCP_ANSWER;
	else if (!m->method)
		bad(m, MCP_INVALID_REQUEST, "there is no \"method\" that is a text");
	else if (m->form == MCP_REQUEST && params && json_kind(params) != JSON_OBJECT)
		bad(m, MCP_INVALID_PARAMS, "\"params\" must be an object");
	else if (params && json_kind(params) == JSON_OBJECT)
		m->params = params;
	if (m->form == MCP_REQUEST && m->params)
		read_meta(m);
}

void mcp_message_read(const char *text, size_t len, struct mcp_message *ret)
{
	const struct json *root, *id;

	*ret = (struct mcp_message){.form = MCP_REQUEST};
	if (!text) {
		bad(ret, MCP_PARSE_ERROR, "a message is longer than 1 MiB");
		return;
	}
	if (has_comment(text, len)) {
		bad(ret, MCP_PARSE_ERROR, "a message is no JSON: it holds a comment, or a slash outside of a text");
		return;
	}
	if (json_parse("message", text, len, &ret->doc, &ret->why) < 0) {
		ret->form = MCP_BAD;
		ret->error = MCP_PARSE_ERROR;
		return;
	}
	root = json_root(ret->doc);
	if (json_kind(root) != JSON_OBJECT) {
		bad(ret, MCP_INVALID_REQUEST,
		    "a message is one object; batches are no part of the versions spoken here");
		return;
	}
	id = mcp_member(root, "id");
	ret->id = id && id_is_fit(id) ? id : NULL;
	if (!id)
		ret->form = MCP_NOTIFICATION;
	read_request(ret, root);
}

void mcp_message_free(struct mcp_message *message)
{
	json_doc_free(message->doc);
	*message = (struct mcp_message){.form = MCP_BAD};
}

bool mcp_same_id(const struct json *a, const struct json *b)
{
	if (!a || !b || json_kind(a) != json_kind(b))
		return false;
	if (json_kind(a) == JSON_STRING)
		return strcmp(json_string(a), json_string(b)) == 0;
	return json_kind(a) == JSON_NUMBER && json_number(a) == json_number(b);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static struct json_out *begin(const struct mcp_message *to)
{
	struct json_out *root = json_out_object();

	json_out_string(root, "jsonrpc", "2.0");
	if (to && to->id)
		json_out_copy(root, "id", to->id);
	return root;
}

struct mcp_reply mcp_result(const struct mcp_message *to)
{
	struct mcp_reply reply = {.root = begin(to)};

	reply.result = json_out_add_object(reply.root, "result");
	if (to->modern) {
		struct json_out *meta = json_out_add_object(reply.result, "_meta");
		struct json_out *server = json_out_add_object(meta, META_SERVER);

		json_out_string(reply.result, "resultType", "complete");
		json_out_string(server, "name", "penrig");
		json_out_string(server, "version", PENRIG_VERSION);
	}
	return reply;
}

struct mcp_reply mcp_refusal(const struct mcp_message *to, enum mcp_error code, const char *text)
{
	struct mcp_reply reply = {.root = begin(to)};
	struct json_out *error = json_out_add_object(reply.root, "error");
	char clean[ERR_TEXT_MAX];

	json_out_int(error, "code", code);
	json_out_string(error, "message", text_clean(text, clean, sizeof(clean)));
	if (code == MCP_UNSUPPORTED_VERSION) {
		struct json_out *data = json_out_add_object(error, "data");
		struct json_out *supported = json_out_add_array(data, "supported");

		json_out_string(supported, NULL, mcp_modern_version);
		json_out_string(data, "requested", to->version);
	}
	return reply;
}

struct mcp_reply mcp_notification(const char *method)
{
	struct mcp_reply reply = {.root = begin(NULL)};

	json_out_string(reply.root, "method", method);
	reply.result = json_out_add_object(reply.root, "params");
	return reply;
}

int mcp_send(struct mcp_reply *reply, struct mcp_out *out)
{
	struct err err;
	char *text = NULL;
	int rc = json_out_print(reply->root, false, &text, &err);

	json_out_free(reply->root);
	reply->root = reply->result = NULL;
	if (rc < 0)
		return rc;
	mcp_out_line(out, text);
	free(text);
	return 0;
}

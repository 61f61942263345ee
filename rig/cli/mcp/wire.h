/* Messages of the Model Context Protocol over standard streams: JSON-RPC 2.0, one message a line, UTF-8. Two ways of speaking
 * are served: that of 2026-07-28, where each request names its version and says what its client can, and that of 2024-11-05 to
 * 2025-11-25, which begins with "initialize". Knows of lines and of members; which methods there are is server.h's. */
#ifndef PENRIG_CLI_MCP_WIRE_H
#define PENRIG_CLI_MCP_WIRE_H

#include "rig/cli/mcp/out.h"
#include <stdbool.h>
#include <stdio.h>

#include "rig/base/json.h"

#define MCP_LINE_MAX (1u << 20) /* bytes of a message; a request here is some hundred */

enum mcp_error { /* JSON-RPC 2.0, 5.1, and the protocol's own */
		 MCP_PARSE_ERROR = -32700,
		 MCP_INVALID_REQUEST = -32600,
		 MCP_METHOD_NOT_FOUND = -32601,
		 MCP_INVALID_PARAMS = -32602,
		 MCP_INTERNAL = -32603,
		 MCP_UNSUPPORTED_VERSION = -32022,
};

/* The newest version of the way with a handshake, that without, and every version with one; NULL-terminated. */
extern const char *const mcp_modern_version, *const mcp_legacy_versions[];

/* ---- what comes ------------------------------------------------------------------------------------------------- */

struct mcp_lines { /* zero-initialised but for the functions */
	char *text;
	size_t len, room;
	bool too_long; /* the rest of a line that was refused */
	/* A whole line without its end; len 0 is not told. text NULL: it was longer than MCP_LINE_MAX, or there was no memory for it. */
	void (*line)(void *ctx, const char *text, size_t len);
	void *ctx;
};
void mcp_lines_take(struct mcp_lines *lines, const char *bytes, size_t len);
void mcp_lines_free(struct mcp_lines *lines);

enum mcp_form { MCP_REQUEST, MCP_NOTIFICATION, MCP_ANSWER, MCP_BAD };

struct mcp_message {
	enum mcp_form form;
	struct json_doc *doc;      /* owns the rest; NULL where it could not be read */
	const struct json *id;     /* of a request; of one that is bad, where it can be told. NULL: none */
	const char *method;        /* of a request and of a notification */
	const struct json *params; /* an object, or NULL */
	bool modern;               /* the request names its version: `version` */
	const char *version;
	enum mcp_error error; /* of MCP_BAD, with text */
	struct err why;
};
/* Always fills `ret`; mcp_message_free() frees what it owns. */
void mcp_message_read(const char *text, size_t len, struct mcp_message *ret);
void mcp_message_free(struct mcp_message *message);
/* As json_get(); NULL of NULL. */
const struct json *mcp_member(const struct json *object, const char *key);
bool mcp_same_id(const struct json *a, const struct json *b);

/* ---- what goes -------------------------------------------------------------------------------------------------- */

/* An answer under construction: its "result", an open object, or its "error". mcp_send() frees it. */
struct mcp_reply {
	struct json_out *root, *result;
};
struct mcp_reply mcp_result(const struct mcp_message *to);
/* `data` of an unsupported version is what would be; else nothing. */
struct mcp_reply mcp_refusal(const struct mcp_message *to, enum mcp_error code, const char *text);
struct mcp_reply mcp_notification(const char *method); /* result: its params */
/* One line to `out`. -ENOMEM. */
int mcp_send(struct mcp_reply *reply, struct mcp_out *out);

#endif

/* STATION.json into a struct: what may stand there, and what each must be. */
#include "rig/station/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const station_languages[] = {"en", "de", NULL};
static const char *const on_words[] = {"pass", "all", NULL};
static const char *const start_words[] = {"on_order", "at_once", NULL};

#define BADGE_MIN 4
/* It stands in the record as a key. */
#define HOOK_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* ---- parts ----------------------------------------------------------------------------------------------------- */

#define AT(type, member) offsetof(struct type, member), sizeof(((struct type *)NULL)->member)

static int read_list(const struct json_doc *doc, const struct json *node, size_t max, struct err *err,
		     int (*item)(const struct json_doc *, const struct json *, size_t, void *, struct err *), void *dst)
{
	size_t count = json_size(node);

	if (json_kind(node) != JSON_ARRAY || count == 0 || count > max)
		return json_error(doc, node, err, "must be a list of 1 to %zu", max);
	for (size_t i = 0; i < count; i++) {
		int rc = item(doc, json_at(node, i), i, dst, err);

		if (rc < 0)
			return rc;
	}
	return (int)count;
}

static int resolve(const struct station_config *c, const struct json_doc *doc, const struct json *node, char *path,
		   struct err *err)
{
	char given[FILE_PATH_MAX];

	snprintf(given, sizeof(given), "%s", path);
	if (given[0] == '/' || !given[0])
		return 0;
	if ((size_t)snprintf(path, FILE_PATH_MAX, "%s/%s", c->folder, given) >= FILE_PATH_MAX)
		return json_error(doc, node, err, "the path is too long");
	return 0;
}

static int is_second(const struct json_doc *doc, const struct json *node, const char *key, const char *name,
		     struct err *err)
{
	return json_error(doc, json_get(node, key), err,
			  "\"%s\" is another's: what is kept names it, so each has its own", name);
}

static int read_bench(const struct json_doc *doc, const struct json *node, size_t i, void *dst, struct err *err)
{
	struct station_config *c = dst;
	struct station_bench_config *b = &c->bench[i];
	static const struct json_field fields[] = {
		{"file", FIELD_STRING, AT(station_bench_config, file), .required = true, .lo = 1},
		{"label", FIELD_STRING, AT(station_bench_config, label), .required = true, .lo = 1},
		{.key = NULL},
	};
	int rc = json_read_object(doc, node, fields, b, err);

	for (size_t k = 0; rc == 0 && k < i; k++)
		if (strcmp(c->bench[k].label, b->label) == 0)
			rc = is_second(doc, node, "label", b->label, err);
	return rc < 0 ? rc : resolve(c, doc, node, b->file, err);
}

/* ---- what is asked for before a test --------------------------------------------------------------------------- */

static int read_text(const struct json_doc *doc, const struct json *node, char *ret, size_t size, struct err *err)
{
	if (json_kind(node) != JSON_STRING || !*json_string(node) || strlen(json_string(node)) >= size)
		return json_error(doc, node, err, "must be a text of 1 to %zu characters", size - 1);
	snprintf(ret, size, "%s", json_string(node));
	return 0;
}

static int add_picture(struct station_config *c, const struct json_doc *doc, const struct json *node,
		       const char *phantom, struct err *err)
{
	static const char *const types[][2] = {{".png", "image/png"}, {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"}};
	struct station_picture *p = &c->picture[c->pictures];
	int rc;

	if (c->pictures == STATION_PICTURES_MAX)
		return json_error(doc, node, err, "there are more than %d pictures", STATION_PICTURES_MAX);
	*p = (struct station_picture){.type = NULL};
	snprintf(p->phantom, sizeof(p->phantom), "%s", phantom);
	rc = read_text(doc, node, p->file, sizeof(p->file), err);
	if (rc < 0)
		return rc;
	const char *dot = strrchr(p->file, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(dot, types[i][0]) == 0)
			p->type = types[i][1];
	rc = resolve(c, doc, node, p->file, err);
	if (rc < 0)
		return rc;
	if (!p->type || access(p->file, R_OK) != 0)
		return json_error(doc, node, err, "must be a picture that can be read (.png, .jpg)");
	return (int)c->pictures++;
}

struct picture_text {
	char phantom[STATION_TEXT];
	const struct json *file;
};

static int read_picture(const struct json_doc *doc, const struct json *node, size_t i, void *dst, struct err *err)
{
	struct picture_text text = {.file = NULL};
	static const struct json_field fields[] = {
		{"phantom", FIELD_STRING, AT(picture_text, phantom), .required = true, .lo = 1},
		{"file", FIELD_NODE, AT(picture_text, file), .required = true},
		{.key = NULL},
	};
	int rc = json_read_object(doc, node, fields, &text, err);

	(void)i;
	return rc < 0 ? rc : add_picture(dst, doc, text.file, text.phantom, err);
}

struct checks {
	struct station_config *config;
	struct station_product *product;
};

struct check_text {
	char text[128];
	const struct json *picture;
};

static int read_check(const struct json_doc *doc, const struct json *node, size_t i, void *dst, struct err *err)
{
	const struct checks *checks = dst;
	struct check_text text = {.picture = NULL};
	static const struct json_field fields[] = {
		{"text", FIELD_STRING, AT(check_text, text), .required = true, .lo = 1},
		{"picture", FIELD_NODE, AT(check_text, picture), .required = false},
		{.key = NULL},
	};
	int rc = json_read_object(doc, node, fields, &text, err), picture = -1;

	if (rc == 0 && text.picture)
		rc = picture = add_picture(checks->config, doc, text.picture, "", err);
	if (rc < 0)
		return rc;
	checks->product->check[i].picture = picture;
	snprintf(checks->product->check[i].text, sizeof(text.text), "%s", text.text);
	return 0;
}

static int read_need(const struct json_doc *doc, const struct json *node, struct station_need *need, struct err *err)
{
	int rc = read_text(doc, node, need->expression, sizeof(need->expression), err);

	if (rc < 0 || regcomp(&need->pattern, need->expression, REG_EXTENDED) != 0) {
		need->expression[0] = '\0';
		return rc < 0 ? rc : json_error(doc, node, err, "is no extended regular expression");
	}
	return regexec(&need->pattern, "", 0, NULL, 0) == 0 ? json_error(doc, node, err, "must not match an empty text")
							    : 0;
}

struct needs_text {
	const struct json *lot, *cartridge, *checklist;
};

static int read_needs(struct station_config *c, const struct json_doc *doc, const struct json *node,
		      struct station_product *p, struct err *err)
{
	struct needs_text text = {NULL, NULL, NULL};
	struct checks checks = {c, p};
	static const struct json_field fields[] = {
		{"lot", FIELD_NODE, AT(needs_text, lot), .required = false},
		{"cartridge", FIELD_NODE, AT(needs_text, cartridge), .required = false},
		{"checklist", FIELD_NODE, AT(needs_text, checklist), .required = false},
		{.key = NULL},
	};
	int rc = json_read_object(doc, node, fields, &text, err);

	if (rc == 0 && text.lot)
		rc = read_need(doc, text.lot, &p->lot, err);
	if (rc == 0 && text.cartridge)
		rc = read_need(doc, text.cartridge, &p->cartridge, err);
	if (rc == 0 && text.checklist)
		rc = read_list(doc, text.checklist, STATION_CHECKS_MAX, err, read_check, &checks);
	if (rc < 0)
		return rc;
	p->checks = (unsigned)rc;
	return 0;
}

/* ---- products and people --------------------------------------------------------------------------------------- */

static int check_product(struct station_config *c, const struct json_doc *doc, const struct json *node,
			 struct station_product *p, struct err *err)
{
	if (p->gtin[0] && (strlen(p->gtin) != 14 || !scan_check_digit(p->gtin, 14)))
		return json_error(
			doc, json_get(node, "gtin"), err,
			"must be a GTIN of 14 digits with its check digit (a shorter one has zeros in front)");
	if (regcomp(&p->pattern, p->serial, REG_EXTENDED) != 0)
		return json_error(doc, json_get(node, "serial"), err,
				  "is no extended regular expression; for example \"SN-[0-9]{4}\"");
	c->products++;
	if (regexec(&p->pattern, "", 0, NULL, 0) == 0)
		return json_error(doc, json_get(node, "serial"), err, "must not match an empty serial number");
	int rc = p->needs ? read_needs(c, doc, p->needs, p, err) : 0;

	return rc < 0 ? rc : resolve(c, doc, node, p->plan, err);
}

static int read_product(const struct json_doc *doc, const struct json *node, size_t i, void *dst, struct err *err)
{
	struct station_config *c = dst;
	struct station_product *p = &c->product[i];
	int rc;
	static const struct json_field fields[] = {
		{"name", FIELD_STRING, AT(station_product, name), .required = true, .lo = 1},
		{"plan", FIELD_STRING, AT(station_product, plan), .required = true, .lo = 1},
		{"serial", FIELD_STRING, AT(station_product, serial), .required = true, .lo = 1},
		{"gtin", FIELD_STRING, AT(station_product, gtin), .lo = 1},
		{"attempts", FIELD_INT, AT(station_product, attempts), .lo = 1, .hi = 10},
		{"fail_to", FIELD_STRING, AT(station_product, fail_to), .lo = 1},
		{"start", FIELD_WORD, AT(station_product, at_once), .words = start_words},
		{"needs", FIELD_NODE, AT(station_product, needs), .required = false},
		{.key = NULL},
	};
	p->attempts = 2;
	rc = json_read_object(doc, node, fields, p, err);
	for (size_t k = 0; rc == 0 && k < i; k++)
		if (strcmp(c->product[k].name, p->name) == 0)
			rc = is_second(doc, node, "name", p->name, err);
	return rc < 0 ? rc : check_product(c, doc, node, p, err);
}

static int read_person(const struct json_doc *doc, const struct json *node, size_t i, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{"name", FIELD_STRING, AT(station_operator, name), .required = true, .lo = 1},
		{"badge", FIELD_STRING, AT(station_operator, badge), .required = true, .lo = 1},
		{.key = NULL},
	};

	struct station_operator *person = &((struct station_config *)dst)->person[i];
	int rc = json_read_object(doc, node, fields, person, err);

	if (rc == 0 && strlen(person->badge) < BADGE_MIN)
		return json_error(doc, json_get(node, "badge"), err,
				  "a badge has at least %d characters, so that no unit's code is one", BADGE_MIN);
	return rc;
}

static int read_host(const struct json_doc *doc, const struct json *node, size_t i, void *dst, struct err *err)
{
	char *host = ((struct station_config *)dst)->host[i];

	return read_text(doc, node, host, STATION_TEXT, err);
}

static int read_word(const struct json_doc *doc, const struct json *node, size_t i, void *dst, struct err *err)
{
	char *word = ((struct station_config *)dst)->word[i];

	return read_text(doc, node, word, FILE_PATH_MAX, err);
}

static int read_hook_word(const struct json_doc *doc, const struct json *node, size_t i, void *dst, struct err *err)
{
	return read_text(doc, node, ((struct station_hook *)dst)->word[i],
			 sizeof(((struct station_hook *)dst)->word[i]), err);
}

struct hook_text {
	struct station_hook hook;
	const struct json *command;
};

static int read_hook(const struct json_doc *doc, const struct json *node, size_t i, void *dst, struct err *err)
{
	struct station_hook *hook = (struct station_hook *)dst + i;
	struct hook_text text = {.hook = {.limit_s = 30}};
	static const struct json_field fields[] = {
		{"name", FIELD_STRING, AT(hook_text, hook.name), .required = true, .lo = 1},
		{"limit_s", FIELD_NUMBER, AT(hook_text, hook.limit_s), .lo = 0.1, .hi = 3600, .unit = "s"},
		{"on", FIELD_WORD, AT(hook_text, hook.on), .words = on_words},
		{"command", FIELD_NODE, AT(hook_text, command), .required = true},
		{.key = NULL},
	};
	int rc = json_read_object(doc, node, fields, &text, err);

	*hook = text.hook;
	if (rc == 0 && (strlen(hook->name) > 24 || strspn(hook->name, HOOK_LETTERS) != strlen(hook->name)))
		rc = json_error(doc, json_get(node, "name"), err,
				"must be of 1 to 24 letters, digits, '.', '_' and '-'");
	if (rc == 0)
		rc = read_list(doc, text.command, STATION_HOOK_WORDS, err, read_hook_word, hook);
	if (rc < 0)
		return rc;
	hook->words = (unsigned)rc;
	return 0;
}

struct hooks_text {
	const struct json *before, *after;
};

static int read_hooks(struct station_config *c, const struct json *node, struct err *err)
{
	struct hooks_text text = {NULL, NULL};
	static const struct json_field fields[] = {
		{"before", FIELD_NODE, AT(hooks_text, before), .required = false},
		{"after", FIELD_NODE, AT(hooks_text, after), .required = false},
		{.key = NULL},
	};
	int rc = node ? json_read_object(c->doc, node, fields, &text, err) : 0;

	if (rc == 0 && text.before)
		rc = read_list(c->doc, text.before, STATION_HOOKS_MAX, err, read_hook, c->before);
	if (rc < 0)
		return rc;
	c->befores = (unsigned)rc;
	rc = text.after ? read_list(c->doc, text.after, STATION_HOOKS_MAX, err, read_hook, c->after) : 0;
	if (rc < 0)
		return rc;
	c->afters = (unsigned)rc;
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

struct station_text {
	const struct json *benches, *products, *operators, *hosts, *command, *hooks, *pictures, *scanner;
	char schema[256], kind[32], listen[STATION_TEXT], name[STATION_TEXT], state[FILE_PATH_MAX],
		output[FILE_PATH_MAX], accounts[FILE_PATH_MAX], history[FILE_PATH_MAX], io[FILE_PATH_MAX],
		fleet[FILE_PATH_MAX];
	int language;
	int64_t sign_out_min;
};

/* Loopback alone: whoever wants more puts a proxy with TLS and a sign-in in front. */
static int read_listen(struct station_config *c, const struct json *root, const char *text, struct err *err)
{
	const struct json *node = json_get(root, "listen");
	const char *colon = strrchr(text, ':');
	struct in_addr address;
	char *end = NULL;

	c->port = colon ? strtol(colon + 1, &end, 10) : -1;
	if (!colon || end == colon + 1 || *end || c->port < 0 || c->port > 65535)
		return json_error(c->doc, node, err, "must be ADDRESS:PORT, for example \"127.0.0.1:8080\"");
	snprintf(c->address, sizeof(c->address), "%.*s", (int)(colon - text), text);
	if (inet_pton(AF_INET, c->address, &address) != 1 || ntohl(address.s_addr) >> 24 != 127)
		return json_error(
			c->doc, node, err,
			"must be an address of this computer alone (127.0.0.1); for others put a server with TLS "
			"and a sign-in in front, and its name in \"hosts\"");
	return 0;
}

static int list_of(const struct station_config *c, const struct json *node, size_t max, unsigned *ret,
		   int (*item)(const struct json_doc *, const struct json *, size_t, void *, struct err *),
		   struct err *err)
{
	int rc = node ? read_list(c->doc, node, max, err, item, (void *)(uintptr_t)c) : 0;

	if (rc < 0)
		return rc;
	*ret = (unsigned)rc;
	return 0;
}

static int read_lists(struct station_config *c, const struct station_text *text, struct err *err)
{
	unsigned products;
	int rc;

	/* Pictures before products: these have more of them. */
	if (text->pictures && (rc = read_list(c->doc, text->pictures, STATION_PICTURES_MAX, err, read_picture, c)) < 0)
		return rc;
	if ((rc = list_of(c, text->benches, STATION_BENCHES_MAX, &c->benches, read_bench, err)) < 0 ||
	    (rc = list_of(c, text->products, STATION_PRODUCTS_MAX, &products, read_product, err)) < 0 ||
	    (rc = list_of(c, text->operators, STATION_OPERATORS_MAX, &c->operators, read_person, err)) < 0 ||
	    (rc = list_of(c, text->hosts, STATION_HOSTS_MAX, &c->hosts, read_host, err)) < 0 ||
	    (rc = list_of(c, text->command, STATION_WORDS_MAX, &c->words, read_word, err)) < 0)
		return rc;
	return 0;
}

static int read_scanner(struct station_config *c, const struct json *node, struct err *err)
{
	static const struct json_field fields[] = {
		{"prefix", FIELD_STRING, AT(station_config, prefix), .lo = 1},
		{"suffix", FIELD_STRING, AT(station_config, suffix), .lo = 1},
		{.key = NULL},
	};

	return node ? json_read_object(c->doc, node, fields, c, err) : 0;
}

static const struct json_field top[] = {
	{"kind", FIELD_STRING, AT(station_text, kind), .required = true},
	{"$schema", FIELD_STRING, AT(station_text, schema), .required = false}, /* for editors */
	{"name", FIELD_STRING, AT(station_text, name), .required = true, .lo = 1},
	{"listen", FIELD_STRING, AT(station_text, listen), .lo = 1},
	{"hosts", FIELD_NODE, AT(station_text, hosts), .required = false},
	{"language", FIELD_WORD, AT(station_text, language), .words = station_languages},
	{"state", FIELD_STRING, AT(station_text, state), .required = true, .lo = 1},
	{"output_dir", FIELD_STRING, AT(station_text, output), .required = true, .lo = 1},
	{"command", FIELD_NODE, AT(station_text, command), .required = false},
	{"benches", FIELD_NODE, AT(station_text, benches), .required = true},
	{"products", FIELD_NODE, AT(station_text, products), .required = true},
	{"operators", FIELD_NODE, AT(station_text, operators), .required = false},
	{"accounts", FIELD_STRING, AT(station_text, accounts), .lo = 1},
	{"sign_out_min", FIELD_INT, AT(station_text, sign_out_min), .lo = 0, .hi = 1440},
	{"history", FIELD_STRING, AT(station_text, history), .lo = 1},
	{"fleet", FIELD_STRING, AT(station_text, fleet), .lo = 1},
	{"io", FIELD_STRING, AT(station_text, io), .lo = 1},
	{"hooks", FIELD_NODE, AT(station_text, hooks), .required = false},
	{"pictures", FIELD_NODE, AT(station_text, pictures), .required = false},
	{"scanner", FIELD_NODE, AT(station_text, scanner), .required = false},
	{.key = NULL},
};

static int read_root(struct station_config *c, struct err *err)
{
	struct station_text text = {.listen = "127.0.0.1:8080", .sign_out_min = 30};
	const struct json *root = json_root(c->doc);
	int rc = json_read_object(c->doc, root, top, &text, err);

	if (rc < 0)
		return rc;
	if (strcmp(text.kind, "penrig/station/1") != 0)
		return json_error(c->doc, json_get(root, "kind"), err, "must be \"penrig/station/1\"");
	snprintf(c->name, sizeof(c->name), "%s", text.name);
	snprintf(c->state, sizeof(c->state), "%s", text.state);
	snprintf(c->output, sizeof(c->output), "%s", text.output);
	snprintf(c->accounts, sizeof(c->accounts), "%s", text.accounts);
	snprintf(c->history, sizeof(c->history), "%s", text.history);
	snprintf(c->io, sizeof(c->io), "%s", text.io);
	snprintf(c->fleet, sizeof(c->fleet), "%s", text.fleet);
	c->language = text.language;
	c->sign_out_min = text.sign_out_min;
	if (text.accounts[0] && text.operators)
		return json_error(
			c->doc, json_get(root, "operators"), err,
			"\"accounts\" stands there too: people sign in with a PIN, or by badge alone, not both");
	if ((rc = read_listen(c, root, text.listen, err)) < 0 || (rc = read_lists(c, &text, err)) < 0 ||
	    (rc = read_hooks(c, text.hooks, err)) < 0 || (rc = read_scanner(c, text.scanner, err)) < 0 ||
	    (rc = resolve(c, c->doc, json_get(root, "state"), c->state, err)) < 0 ||
	    (rc = resolve(c, c->doc, json_get(root, "accounts"), c->accounts, err)) < 0 ||
	    (rc = resolve(c, c->doc, json_get(root, "history"), c->history, err)) < 0 ||
	    (rc = resolve(c, c->doc, json_get(root, "io"), c->io, err)) < 0)
		return rc;
	return resolve(c, c->doc, json_get(root, "output_dir"), c->output, err);
}

int station_config_read(const char *path, struct station_config **ret, struct err *err)
{
	struct station_config *c = calloc(1, sizeof(*c));
	const char *slash = strrchr(path, '/');
	int rc;

	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->folder, sizeof(c->folder), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	rc = json_read(path, &c->doc, err);
	if (rc == 0)
		rc = read_root(c, err);
	if (rc < 0) {
		station_config_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void station_config_free(struct station_config *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->products; i++) {
		struct station_product *p = &c->product[i];

		regfree(&p->pattern);
		if (p->lot.expression[0])
			regfree(&p->lot.pattern);
		if (p->cartridge.expression[0])
			regfree(&p->cartridge.pattern);
	}
	json_doc_free(c->doc);
	free(c);
}

/* The leftmost of the longest matches: where the whole text matches, it is the whole text, whatever the expression holds. */
static bool is_whole(const regex_t *pattern, const char *text)
{
	regmatch_t match;

	return regexec(pattern, text, 1, &match, 0) == 0 && match.rm_so == 0 && (size_t)match.rm_eo == strlen(text);
}

bool station_need_fits(const struct station_need *need, const char *text)
{
	return need->expression[0] && is_whole(&need->pattern, text);
}

void station_unwrap(const struct station_config *c, const char **code, size_t *len)
{
	const size_t before = strlen(c->prefix), behind = strlen(c->suffix);

	if (before && *len > before && memcmp(*code, c->prefix, before) == 0) {
		*code += before;
		*len -= before;
	}
	if (behind && *len > behind && memcmp(*code + *len - behind, c->suffix, behind) == 0)
		*len -= behind;
}

int station_picture_of(const struct station_config *c, const char *phantom)
{
	for (unsigned i = 0; *phantom && i < c->pictures; i++)
		if (strcmp(c->picture[i].phantom, phantom) == 0)
			return (int)i;
	return -1;
}

static bool is_serial(void *product, const char *serial)
{
	return is_whole(&((const struct station_product *)product)->pattern, serial);
}

int station_product_of(const struct station_config *c, const struct scan *scan)
{
	int found = STATION_NO_PRODUCT;
	const char *serial = scan->gs1 ? scan->serial : scan->text;

	for (unsigned i = 0; i < c->products; i++) {
		const struct station_product *p = &c->product[i];

		if (scan->gtin[0] && strcmp(p->gtin, scan->gtin) != 0)
			continue;
		if (is_whole(&p->pattern, serial))
			found = found == STATION_NO_PRODUCT ? (int)i : STATION_SEVERAL_PRODUCTS;
	}
	if (found >= 0 && scan_may_be_cut(scan, is_serial, (void *)(uintptr_t)&c->product[found]))
		return STATION_AMBIGUOUS;
	return found;
}

void station_plan_of(const struct station_config *c, int product, char *ret, size_t size)
{
	const char *path = c->product[product].plan, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	if (len > 5 && strcmp(name + len - 5, ".json") == 0)
		len -= 5;
	snprintf(ret, size, "%.*s", (int)len, name);
}

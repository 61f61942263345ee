/* Reads the file of a corrected calibration. */
#include "rig/config/correction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/filekind.h"

#define IN(member)   offsetof(struct correction, member)
#define SIZE(member) sizeof(((struct correction *)0)->member)

static int read_gain(const struct json_doc *doc, const struct json *node, const char *u_key, double u_hi,
		     const char *u_unit, struct correction_gain *ret, struct err *err)
{
	const struct json_field fields[] = {
		{.key = "gain",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct correction_gain, gain),
		 .required = true,
		 .lo = 0.5,
		 .hi = 2,
		 .unit = "of what was read"},
		{.key = u_key,
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct correction_gain, u),
		 .required = true,
		 .lo = 1e-6,
		 .hi = u_hi,
		 .unit = u_unit},
		{.key = NULL},
	};

	ret->there = true;
	return json_read_object(doc, node, fields, ret, err);
}

static int read_force(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	return read_gain(doc, node, "u_rel", 0.2, "1", dst, err);
}

static int read_displacement(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	return read_gain(doc, node, "u_mm", 1, "mm", dst, err);
}

static int read_temperature(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "offset_k",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct correction_offset, offset_k),
		 .required = true,
		 .lo = -20,
		 .hi = 20,
		 .unit = "K"},
		{.key = "u_k",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct correction_offset, u_k),
		 .required = true,
		 .lo = 1e-6,
		 .hi = 10,
		 .unit = "K"},
		{.key = NULL},
	};
	struct correction_offset *ret = dst;

	ret->there = true;
	return json_read_object(doc, node, fields, ret, err);
}

/* What a calibration read, for whoever looks. */
static int ignore_points(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)dst;
	return json_kind(node) == JSON_ARRAY ? 0 : json_error(doc, node, err, "\"points\" is a list");
}

static const struct json_field certificate_fields[] = {
	{.key = "kind", .kind = FIELD_CUSTOM, .required = true, .read = file_kind_ignore},
	{.key = "$schema", .kind = FIELD_CUSTOM, .read = file_kind_ignore},
	{.key = "serial", .kind = FIELD_STRING, .offset = IN(serial), .size = SIZE(serial), .required = true, .lo = 1},
	{.key = "replaces", .kind = FIELD_STRING, .offset = IN(replaces), .size = SIZE(replaces), .lo = 1},
	{.key = "calibration",
	 .kind = FIELD_CUSTOM,
	 .offset = IN(calibration),
	 .required = true,
	 .read = calibration_read},
	{.key = "force", .kind = FIELD_CUSTOM, .offset = IN(force), .read = read_force},
	{.key = "points", .kind = FIELD_CUSTOM, .read = ignore_points},
	{.key = "displacement", .kind = FIELD_CUSTOM, .offset = IN(displacement), .read = read_displacement},
	{.key = "temperature", .kind = FIELD_CUSTOM, .offset = IN(temperature), .read = read_temperature},
	{.key = NULL},
};

static int read_certificate(const struct json_doc *doc, struct correction *ret, struct err *err)
{
	int rc = json_read_object(doc, json_root(doc), certificate_fields, ret, err);

	if (!rc && !ret->force.there && !ret->displacement.there && !ret->temperature.there)
		rc = json_error(doc, json_root(doc), err,
				"it corrects nothing: \"force\", \"displacement\" or \"temperature\" is missing");
	return rc;
}

static int read_phantom(const char *path, struct correction *ret, struct err *err)
{
	int rc = phantom_read(path, &ret->phantom, err);

	if (rc)
		return rc;
	ret->of_phantom = true;
	memcpy(ret->serial, ret->phantom.serial, sizeof(ret->serial));
	ret->calibration = ret->phantom.calibration;
	return 0;
}

int correction_read(const char *path, struct correction **ret, struct err *err)
{
	struct correction *c = calloc(1, sizeof(*c));
	struct json_doc *doc = NULL;
	struct err other;
	int rc = c ? json_read(path, &doc, err) : err_set(err, -ENOMEM, "out of memory");

	if (!rc && file_kind_check(doc, "phantom", &other) == 0)
		rc = read_phantom(path, c, err);
	else if (!rc && (rc = file_kind_check(doc, "certificate", err)) == 0)
		rc = read_certificate(doc, c, err);
	json_doc_free(doc);
	if (rc)
		correction_free(c);
	else
		*ret = c;
	return rc;
}

int correction_add_earlier(struct correction *c, const char *certificate)
{
	void *more = realloc(c->earlier_certificate, (c->earlier + 1) * sizeof(*c->earlier_certificate));

	if (!more)
		return -ENOMEM;
	c->earlier_certificate = more;
	snprintf(c->earlier_certificate[c->earlier++], sizeof(*c->earlier_certificate), "%s", certificate);
	return 0;
}

bool correction_is_of(const struct correction *c, const char *certificate)
{
	if (!*certificate || *c->replaces)
		return *certificate && strcmp(c->replaces, certificate) == 0;
	for (unsigned i = 0; i < c->earlier; i++)
		if (strcmp(c->earlier_certificate[i], certificate) == 0)
			return true;
	return false;
}

void correction_free(struct correction *c)
{
	if (c)
		phantom_release(&c->phantom);
	if (c)
		free(c->earlier_certificate);
	free(c);
}

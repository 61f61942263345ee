/* The XML of a context: which device there is, with which channels. What it says of others is passed over. */
#include <ctype.h>
#include <errno.h>
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/iio/wire.h"

struct iio_xml {
	XML_Parser parser;
	struct iio_context *context;
	size_t bytes;
	bool in_channel, entities;
};

static const char *attribute(const char **pairs, const char *name)
{
	for (; *pairs; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return "";
}

/* What is too long, or could not stand in a line of a request, is none. */
static void keep(char ret[IIO_NAME_MAX], const char *text, bool blanks)
{
	size_t len = strlen(text);

	ret[0] = '\0';
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)text[i]) && !(blanks && text[i] == ' '))
			return;
	if (len < IIO_NAME_MAX)
		memcpy(ret, text, len + 1);
}

static struct iio_format read_format(const char *text)
{
	unsigned bits, storage, shift;
	char endian, sign, end;

	if (sscanf(text, "%ce:%c%2u/%2u>>%2u%c", &endian, &sign, &bits, &storage, &shift, &end) != 5 ||
	    !strchr("lb", endian) || !strchr("suSU", sign) || !strchr("\010\020\040\100", (int)storage) ||
	    storage == 0 || bits < 1 || bits + shift > storage)
		return (struct iio_format){.bytes = 0};
	return (struct iio_format){.big = endian == 'b',
				   .is_signed = tolower(sign) == 's',
				   .bits = (uint8_t)bits,
				   .bytes = (uint8_t)(storage / 8),
				   .shift = (uint8_t)shift};
}

static void take_property(struct iio_context *c, const char **pairs)
{
	static const struct {
		const char *name;
		size_t at;
	} known[] = {{"hw_vendor", offsetof(struct iio_context, vendor)},
		     {"hw_model", offsetof(struct iio_context, model)},
		     {"hw_serial", offsetof(struct iio_context, serial)},
		     {"fw_version", offsetof(struct iio_context, firmware)}};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(attribute(pairs, "name"), known[i].name) == 0)
			keep((char *)c + known[i].at, attribute(pairs, "value"), true);
}

static void on_start(void *ctx, const char *name, const char **pairs)
{
	struct iio_xml *xml = ctx;
	struct iio_context *c = xml->context;
	struct iio_device *d = &c->reading;
	bool kept = xml->in_channel && d->channels <= IIO_CHANNELS_MAX;
	struct iio_channel *ch = kept ? &d->channel[d->channels - 1] : NULL;

	if (strcmp(name, "context") == 0) {
		snprintf(c->version, sizeof(c->version), "libiio %.6s.%.6s", attribute(pairs, "version-major"),
			 attribute(pairs, "version-minor"));
	} else if (strcmp(name, "context-attribute") == 0) {
		take_property(c, pairs);
	} else if (strcmp(name, "device") == 0) {
		*d = (struct iio_device){.channels = 0};
		xml->in_channel = false; /* whatever it stands in */
		keep(d->id, attribute(pairs, "id"), false);
		keep(d->name, attribute(pairs, "name"), false);
		if (!d->name[0])
			memcpy(d->name, d->id, sizeof(d->name));
	} else if (strcmp(name, "channel") == 0) {
		xml->in_channel = true;
		if (d->channels++ < IIO_CHANNELS_MAX) {
			keep(d->channel[d->channels - 1].id, attribute(pairs, "id"), false);
			d->channel[d->channels - 1].index = -1;
			d->channel[d->channels - 1].output = strcmp(attribute(pairs, "type"), "output") == 0;
		}
	} else if (strcmp(name, "scan-element") == 0 && ch) {
		ch->index = strtol(attribute(pairs, "index"), NULL, 10);
		ch->format = ch->index < 0 ? (struct iio_format){.bytes = 0} : read_format(attribute(pairs, "format"));
	} else if (strcmp(name, "attribute") == 0 && ch) {
		ch->scale |= strcmp(attribute(pairs, "name"), "scale") == 0;
		ch->offset |= strcmp(attribute(pairs, "name"), "offset") == 0;
		ch->rate |= strcmp(attribute(pairs, "name"), "sampling_frequency") == 0;
	} else if (strcmp(name, "attribute") == 0 && !xml->in_channel) {
		d->rate |= strcmp(attribute(pairs, "name"), "sampling_frequency") == 0;
	}
}

static bool samples_volts(const struct iio_device *d)
{
	for (unsigned i = 0; i < d->channels && i < IIO_CHANNELS_MAX; i++)
		if (d->channel[i].format.bytes && !d->channel[i].output && strncmp(d->channel[i].id, "voltage", 7) == 0)
			return true;
	return false;
}

static void on_end(void *ctx, const char *name)
{
	struct iio_xml *xml = ctx;
	struct iio_context *c = xml->context;
	struct iio_device *d = &c->reading;

	xml->in_channel &= strcmp(name, "channel") != 0;
	if (strcmp(name, "device") != 0 || !d->id[0])
		return;
	bool is_wanted = strcmp(d->id, c->wanted) == 0 || strcmp(d->name, c->wanted) == 0;
	if ((c->wanted[0] ? is_wanted : samples_volts(d)) && c->found++ == 0)
		c->device = *d;
	d->id[0] = '\0';
}

static void on_entity(void *ctx, const char *name, int parameter, const char *value, int len, const char *base,
		      const char *system, const char *public, const char *notation)
{
	struct iio_xml *xml = ctx;

	(void)name, (void)parameter, (void)value, (void)len, (void)base, (void)system, (void)public, (void)notation;
	xml->entities = true;
	XML_StopParser(xml->parser, XML_FALSE);
}

struct iio_xml *iio_xml_new(struct iio_context *context)
{
	struct iio_xml *xml = calloc(1, sizeof(*xml));

	if (!xml)
		return NULL;
	xml->context = context;
	xml->parser = XML_ParserCreate(NULL);
	if (!xml->parser) {
		free(xml);
		return NULL;
	}
	XML_SetUserData(xml->parser, xml);
	XML_SetElementHandler(xml->parser, on_start, on_end);
	XML_SetEntityDeclHandler(xml->parser, on_entity);
	return xml;
}

int iio_xml_feed(struct iio_xml *xml, const uint8_t *data, size_t len, bool end, struct err *err)
{
	xml->bytes += len;
	if (xml->bytes > IIO_XML_MAX)
		return err_set(err, -EPROTO, "what it says of itself is longer than %d bytes", IIO_XML_MAX);
	if (XML_Parse(xml->parser, (const char *)data, (int)len, end) == XML_STATUS_OK)
		return 0;
	return err_set(err, -EPROTO, "what it says of itself is no XML (line %lu: %s)",
		       XML_GetCurrentLineNumber(xml->parser),
		       xml->entities ? "it declares entities" : XML_ErrorString(XML_GetErrorCode(xml->parser)));
}

void iio_xml_free(struct iio_xml *xml)
{
	if (!xml)
		return;
	XML_ParserFree(xml->parser);
	free(xml);
}

/* What an iiod says of itself, for the tests of its driver: a board with a temperature, and a converter whose channels do not
 * stand in the order of their indices. */
#ifndef PENRIG_TESTS_IIO_XML_H
#define PENRIG_TESTS_IIO_XML_H

#define IIO_XML_HEAD                                                                                                   \
	"<?xml version=\"1.0\" encoding=\"utf-8\"?><!DOCTYPE context [<!ELEMENT context (device)*>]>"                  \
	"<context name=\"local\" version-major=\"0\" version-minor=\"24\" version-git=\"c4498c2\" >"                   \
	"<context-attribute name=\"hw_serial\" value=\"SN 42\" /><context-attribute name=\"hw_vendor\" value=\"M\" />" \
	"<device id=\"iio:device0\" name=\"board\" ><channel id=\"temp1\" type=\"input\" >"                            \
	"<attribute name=\"input\" filename=\"in_temp1_input\" /></channel></device>"

#define IIO_XML_SCALE "<attribute name=\"scale\" filename=\"in_voltage_scale\" />"

#define IIO_XML_DEVICE                                                                                                 \
	"<device id=\"iio:device1\" name=\"ads131m02\" >"                                                              \
	"<channel id=\"temp\" type=\"input\" ><attribute name=\"raw\" filename=\"in_temp_raw\" /></channel>"           \
	"<channel id=\"voltage1\" type=\"input\" ><scan-element index=\"1\" format=\"be:u12/16&gt;&gt;4\" />"          \
	"<attribute name=\"offset\" filename=\"in_voltage1_offset\" />" IIO_XML_SCALE "</channel>"                     \
	"<channel id=\"voltage0\" type=\"input\" ><scan-element index=\"0\" format=\"le:s24/32&gt;&gt;8\" "            \
	"/>" IIO_XML_SCALE "</channel>"                                                                                \
	"<channel id=\"voltage0\" type=\"output\" ><scan-element index=\"2\" format=\"le:s16/16&gt;&gt;0\" "           \
	"/>" IIO_XML_SCALE "</channel>"                                                                                \
	"<channel id=\"timestamp\" type=\"input\" ><scan-element index=\"7\" format=\"le:s64/64&gt;&gt;0\" "           \
	"/></channel>"                                                                                                 \
	"<attribute name=\"sampling_frequency\" /></device>"

#define IIO_XML_END "</context>"

#endif

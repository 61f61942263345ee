# The house: its rooms by floor, and what each may include. The Makefile makes an archive of each room and links tests with
# no more than their room may know; `make lint` holds every line of this table. docs/architecture.md says what stands where.
# An entry is a room, or one header of it. A room includes rooms of lower floors only, but for what SIDEWAYS names.

FLOOR_0 := base link
FLOOR_1 := driver drivers measure system
FLOOR_2 := config record stopper
FLOOR_3 := judge runfile state
FLOOR_4 := estimate
FLOOR_5 := session offline calibrate history study reports
FLOOR_6 := cli station fleet

MAY_base      :=
MAY_link      := base
MAY_driver    := base link/link.h
MAY_drivers   := base link/link.h driver
MAY_system    := base
MAY_measure   := base/samples.h base/worker.h
MAY_config    := base link/link.h driver/driver.h driver/role.h measure
MAY_record    := base driver/driver.h measure config
MAY_stopper   := base link/link.h driver/driver.h
MAY_judge     := base measure config record
MAY_runfile   := base driver/driver.h measure record
MAY_state     := base
MAY_estimate  := base driver/driver.h measure config record judge
MAY_session   := base link/link.h driver/driver.h measure config record stopper/stopper.h judge runfile estimate
MAY_offline   := base measure config record judge runfile estimate
MAY_calibrate := base measure config record
MAY_history   := base measure config record judge state
MAY_study     := base measure history
MAY_reports   := base measure config record judge runfile
MAY_station   := base
MAY_fleet     := base runfile/squeeze.h history station
MAY_cli       := base link/link.h driver/driver.h measure system config record judge runfile state estimate session offline calibrate history study reports station fleet

# link -> base, driver -> drivers, config -> record and so on: the only arrows along a floor.
SIDEWAYS := link:base drivers:driver record:config study:history cli:station cli:fleet fleet:station

# Where a room does not stand in rig/ under its own name.
FOLDER_drivers := drivers
FOLDER_reports := reports
FOLDER_virtual := fixtures/virtual

# The virtual bench stands beside the house: of it, it knows bytes and wire formats alone.
MAY_virtual := base link/link.h link/name.h link/queue.h drivers/load-stream/wire.h drivers/scpi-pen/wire.h

/* PSIDs / ITS-AIDs the appliance names. Ours are the two values that the IEEE registry reserves for
 * private use (1D and 1E hex); see docs/decisions/0005-private-psids.md. */
#ifndef WAYSIDE_V2X_PSID_H
#define WAYSIDE_V2X_PSID_H

#define PSID_MAP_OBSERVATION 0x1d
#define PSID_LEARNING_RECORD 0x1e
#define PSID_BSM 0x20
#define PSID_CAM 0x24
#define PSID_DENM 0x25
#define PSID_SPAT_MAP_US 0x82
#define PSID_SECURITY_MGMT 0x23 /* roles of authorities in an SCMS */
#define PSID_CRL 0x100
#define PSID_ETSI_CRL 622
#define PSID_ETSI_CTL 624

/* BTP-B destination port of our records on GeoNetworking: dynamic range, private to the cell. */
#define BTP_PORT_WAYSIDE 0xbf1d

#endif

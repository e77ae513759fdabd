-- What clients publish at a jwks_uri is in web_copies.
DROP TABLE "client_key_sets";

-- AlterTable
ALTER TABLE "sign_in_attempts" ADD COLUMN     "password_tried_at" TIMESTAMPTZ(6);

-- CreateTable
CREATE TABLE "code_guesses" (
    "user_id" TEXT NOT NULL,
    "known_network" BOOLEAN NOT NULL,
    "wrong" INTEGER NOT NULL,
    "since" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "code_guesses_pkey" PRIMARY KEY ("user_id","known_network")
);

-- AddForeignKey
ALTER TABLE "code_guesses" ADD CONSTRAINT "code_guesses_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
